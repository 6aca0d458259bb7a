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

function(compile_folders_together name sources alone)
  set_target_properties(${name} PROPERTIES UNITY_BUILD_MODE GROUP)
  target_compile_options(${name} PRIVATE -Wno-shadow)  # of a name in another file
  foreach(pattern IN LISTS alone)
    list(FILTER sources EXCLUDE REGEX ${pattern})
  endforeach()
  foreach(source IN LISTS sources)
    file(RELATIVE_PATH path ${CMAKE_CURRENT_SOURCE_DIR} ${source})
    get_filename_component(folder ${path} DIRECTORY)
    string(MAKE_C_IDENTIFIER "${folder}" folder)
    math(EXPR batch "0${files_of_${folder}} / 12")
    math(EXPR files_of_${folder} "0${files_of_${folder}} + 1")
    set_source_files_properties(${source} PROPERTIES UNITY_GROUP ${folder}_${batch})
  endforeach()
endfunction()

# Under CMAKE_UNITY_BUILD (preset debug) the files of a folder are compiled together, up to twelve at once: their headers and
# templates cost more than they do. Names without linkage have then to be unique in a folder; ALONE lists the files whose
# names are not, and those that tests replace by their own.
function(ringzero_room name)
  cmake_parse_arguments(ROOM "" "" "SEES;LINKS;SKIP;ALONE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  foreach(pattern IN LISTS ROOM_SKIP)
    list(FILTER sources EXCLUDE REGEX ${pattern})
  endforeach()
  add_library(${name} STATIC ${sources})
  target_compile_options(${name} PRIVATE ${RINGZERO_WARNINGS})
  if(CMAKE_UNITY_BUILD)
    compile_folders_together(${name} "${sources}" "${ROOM_ALONE}")
  endif()
  set(window ${CMAKE_BINARY_DIR}/windows/${name})
  file(MAKE_DIRECTORY ${window})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${window}/${name} SYMBOLIC)
  target_include_directories(${name} PUBLIC ${window})
  target_link_libraries(${name} PUBLIC ${ROOM_SEES} PRIVATE ${ROOM_LINKS})
endfunction()
