# The core as a kernel links it: 32-bit, freestanding, and with no undefined symbol beyond a short list.
file(GLOB_RECURSE core_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/hypervisor-core/*.cpp)
list(FILTER core_sources EXCLUDE REGEX "/hypervisor-core/(metal|counting)/")
# Clang refuses even to declare a function of long double then, as the library's headers do; it has no other use for
# those registers here.
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  set(RINGZERO_NO_FLOATING_POINT -mno-mmx -mno-sse)
else()
  set(RINGZERO_NO_FLOATING_POINT -mgeneral-regs-only)
endif()
add_library(core32 STATIC ${core_sources})
target_include_directories(core32 PRIVATE ${CMAKE_SOURCE_DIR}/hypervisor-core)
target_compile_options(core32 PRIVATE ${RINGZERO_WARNINGS} -m32 -march=i686 -ffreestanding -fno-exceptions -fno-rtti
  -fno-asynchronous-unwind-tables -fno-stack-protector -fno-pic -fno-threadsafe-statics -fno-use-cxa-atexit
  ${RINGZERO_NO_FLOATING_POINT} -O2)
# Structures are copied by string instructions, as by compilers of the time: this one's default for the i686 is a loop of
# five instructions a word.
target_compile_options(core32 PRIVATE $<$<CXX_COMPILER_ID:GNU>:-mmemcpy-strategy=rep_4byte:-1:noalign
  -mmemset-strategy=rep_4byte:-1:noalign>)
add_custom_target(core32_symbols ALL
  COMMAND ${CMAKE_SOURCE_DIR}/cmake/check_core32_symbols.sh $<TARGET_FILE:core32>
  DEPENDS core32 VERBATIM COMMENT "checking the core's undefined symbols")

# The same objects in a program of the host that drives them, for counting their instructions (counting/count.py). Its
# own objects come last: where both have a copy of an inline function, the core's is linked.
file(GLOB counting_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/hypervisor-core/counting/*.cpp)
add_executable(core_paths EXCLUDE_FROM_ALL $<TARGET_OBJECTS:core32> ${counting_sources}
  ${CMAKE_SOURCE_DIR}/tests/support/core_host.cpp ${CMAKE_SOURCE_DIR}/tests/support/fake_machine.cpp
  ${CMAKE_SOURCE_DIR}/tests/support/fake_disk.cpp)
target_include_directories(core_paths PRIVATE ${CMAKE_SOURCE_DIR}/hypervisor-core ${CMAKE_SOURCE_DIR}/tests)
target_compile_options(core_paths PRIVATE ${RINGZERO_WARNINGS} -m32 -march=i686 -O2)
set_source_files_properties(${CMAKE_SOURCE_DIR}/hypervisor-core/counting/string_functions.cpp PROPERTIES
  COMPILE_OPTIONS -fno-tree-loop-distribute-patterns)
target_link_options(core_paths PRIVATE -m32 -static)
include(cmake/metal.cmake)
