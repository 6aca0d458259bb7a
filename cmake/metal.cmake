# The core on a PC: one image of the hypervisor with its test kernel as domain 0, for Bochs and QEMU. Part of the
# freestanding build (core32.cmake), with the very library that is checked there.
enable_language(ASM)
set(freestanding -m32 -march=i686 -ffreestanding -fno-exceptions -fno-rtti -fno-asynchronous-unwind-tables
  -fno-stack-protector -fno-pic -fno-threadsafe-statics -fno-use-cxa-atexit ${RINGZERO_NO_FLOATING_POINT} -O2)
execute_process(COMMAND gcc -m32 -print-libgcc-file-name OUTPUT_VARIABLE libgcc OUTPUT_STRIP_TRAILING_WHITESPACE)

function(metal_program name script)
  set_target_properties(${name} PROPERTIES LINK_DEPENDS ${script})
  target_compile_options(${name} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:${RINGZERO_WARNINGS} ${freestanding}>
    $<$<COMPILE_LANGUAGE:ASM>:-m32>)
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/hypervisor-core ${CMAKE_SOURCE_DIR}/tests)
  target_link_options(${name} PRIVATE -m32 -nostdlib -static -no-pie -Wl,-T,${script} -Wl,--build-id=none
    -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments -Wl,-z,max-page-size=4096 -Wl,-Map,$<TARGET_FILE:${name}>.map)
  add_custom_command(TARGET ${name} POST_BUILD
    COMMAND ${CMAKE_OBJCOPY} -O binary $<TARGET_FILE:${name}> ${CMAKE_BINARY_DIR}/${name}.bin
    BYPRODUCTS ${CMAKE_BINARY_DIR}/${name}.bin)
endfunction()

file(GLOB guest_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/metal/guest/*.cpp
  ${CMAKE_SOURCE_DIR}/tests/metal/guest/*.S)
set(string_functions ${CMAKE_SOURCE_DIR}/hypervisor-core/counting/string_functions.cpp
  ${CMAKE_SOURCE_DIR}/hypervisor-core/metal/string_functions.cpp)
# The generator of sequences, without what looks into the hypervisor.
file(GLOB sequence_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/metal/sequence/*.cpp)
list(FILTER sequence_sources EXCLUDE REGEX "state_digest")
add_executable(metal_guest ${guest_sources} ${sequence_sources} ${string_functions})
metal_program(metal_guest ${CMAKE_SOURCE_DIR}/tests/metal/guest/guest.ld)
target_link_libraries(metal_guest PRIVATE ${libgcc})

file(GLOB metal_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/hypervisor-core/metal/*.cpp
  ${CMAKE_SOURCE_DIR}/hypervisor-core/metal/*.S)
list(FILTER metal_sources EXCLUDE REGEX "boot_sector")
# The core's objects come first: where others have a copy of an inline function, the core's is linked.
add_executable(metal_image $<TARGET_OBJECTS:core32> ${metal_sources} ${CMAKE_SOURCE_DIR}/tests/metal/image/probe.cpp
  ${CMAKE_SOURCE_DIR}/tests/metal/sequence/state_digest.cpp ${CMAKE_SOURCE_DIR}/hypervisor-core/counting/string_functions.cpp)
set_source_files_properties(${string_functions} PROPERTIES COMPILE_OPTIONS
  "$<IF:$<CXX_COMPILER_ID:GNU>,-fno-tree-loop-distribute-patterns,-fno-builtin>")
metal_program(metal_image ${CMAKE_SOURCE_DIR}/hypervisor-core/metal/link.ld)
set_source_files_properties(${CMAKE_SOURCE_DIR}/hypervisor-core/metal/guest_image.S PROPERTIES
  COMPILE_OPTIONS "-DMETAL_GUEST_BINARY=\"${CMAKE_BINARY_DIR}/metal_guest.bin\""
  OBJECT_DEPENDS ${CMAKE_BINARY_DIR}/metal_guest.bin)
add_dependencies(metal_image metal_guest)
target_link_libraries(metal_image PRIVATE ${libgcc})
target_link_options(metal_image PRIVATE -Wl,--emit-relocs)

# The sector that PC firmware starts; tests/metal/metal.py puts it before the image on a disk.
add_executable(metal_boot_sector ${CMAKE_SOURCE_DIR}/hypervisor-core/metal/boot_sector.S)
target_compile_options(metal_boot_sector PRIVATE -m32)
target_link_options(metal_boot_sector PRIVATE -m32 -nostdlib -static -no-pie -Wl,-Ttext=0x7c00 -Wl,--build-id=none
  -Wl,-z,noexecstack -Wl,--no-warn-rwx-segments -Wl,-N)
set_target_properties(metal_boot_sector PROPERTIES LINKER_LANGUAGE CXX)
add_custom_command(TARGET metal_boot_sector POST_BUILD COMMAND ${CMAKE_OBJCOPY} -O binary -j .text
  $<TARGET_FILE:metal_boot_sector> ${CMAKE_BINARY_DIR}/metal_boot_sector.bin)

# The hosted side of the comparison as a 32-bit program, with the very objects of the core that the image has
# (tests/metal/same_core.py looks). No compiler has integers of 128 bits there, which the model's clocks need.
file(GLOB_RECURSE model_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/model/*.cpp)
file(GLOB hosted_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/metal/hosted/*.cpp)
add_executable(hosted_sequence32 EXCLUDE_FROM_ALL $<TARGET_OBJECTS:core32> ${hosted_sources} ${model_sources}
  ${sequence_sources} ${CMAKE_SOURCE_DIR}/tests/metal/sequence/state_digest.cpp ${CMAKE_SOURCE_DIR}/sim/event_queue.cpp)
target_include_directories(hosted_sequence32 PRIVATE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/hypervisor-core
  ${CMAKE_SOURCE_DIR}/tests)
target_compile_options(hosted_sequence32 PRIVATE -m32 -O1 -D__int128=WideInteger
  -include ${CMAKE_SOURCE_DIR}/tests/metal/hosted/wide_integer.h)
target_compile_definitions(hosted_sequence32 PRIVATE FMT_HEADER_ONLY)
target_link_options(hosted_sequence32 PRIVATE -m32 -no-pie -Wl,--emit-relocs)
