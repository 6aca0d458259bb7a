# The core as a kernel links it: 32-bit, freestanding, and with no undefined symbol beyond a short list.
file(GLOB_RECURSE core_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/hypervisor-core/*.cpp)
list(FILTER core_sources EXCLUDE REGEX "/metal/")
add_library(core32 STATIC ${core_sources})
target_include_directories(core32 PRIVATE ${CMAKE_SOURCE_DIR}/hypervisor-core)
target_compile_options(core32 PRIVATE ${RINGZERO_WARNINGS} -m32 -march=i686 -ffreestanding -fno-exceptions -fno-rtti
  -fno-asynchronous-unwind-tables -fno-stack-protector -fno-pic -fno-threadsafe-statics -fno-use-cxa-atexit
  -mgeneral-regs-only -O2)
add_custom_target(core32_symbols ALL
  COMMAND ${CMAKE_SOURCE_DIR}/cmake/check_core32_symbols.sh $<TARGET_FILE:core32>
  DEPENDS core32 VERBATIM COMMENT "checking the core's undefined symbols")
