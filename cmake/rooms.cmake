# Each top-level folder is a "room": a library that sees only the headers of the rooms it names.
#
# A room's headers are included as "room/header.h". The include path handed to others is a directory of the build tree
# that holds nothing but a link to that one folder, so an include of a room that was not named does not compile.

set(RINGZERO_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual -Werror
    # restrict: g++ 12 sees overlapping copies in `"text" + std::string` where there are none (GCC bug 105651)
    $<$<CXX_COMPILER_ID:GNU>:-Wno-missing-field-initializers>
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
    $<$<CXX_COMPILER_ID:Clang>:-Wno-missing-field-initializers>)

# Same numbers with every compiler: no fused multiply-add that one contracts and the other does not.
add_compile_options(-ffp-contract=off)

function(ringzero_room name)
  cmake_parse_arguments(ROOM "" "" "SEES;LINKS;SKIP" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  foreach(pattern IN LISTS ROOM_SKIP)
    list(FILTER sources EXCLUDE REGEX ${pattern})
  endforeach()
  add_library(${name} STATIC ${sources})
  target_compile_options(${name} PRIVATE ${RINGZERO_WARNINGS})
  set(window ${CMAKE_BINARY_DIR}/windows/${name})
  file(MAKE_DIRECTORY ${window})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${window}/${name} SYMBOLIC)
  target_include_directories(${name} PUBLIC ${window})
  target_link_libraries(${name} PUBLIC ${ROOM_SEES} PRIVATE ${ROOM_LINKS})
endfunction()
