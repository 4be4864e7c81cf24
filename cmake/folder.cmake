# hone_folder(NAME USES folder… LIBRARIES library…): src/NAME as the library hone_NAME. Files named
# x_test.cpp go to the test program, or with OWN_TESTS to one of the folder's own (tests.cmake), main.cpp to a
# program. A header-only folder is fine.
# Two precompiled headers for all folders: with and without the network. They hold only what nearly
# everyone includes; a file still includes what it uses.
set(HONE_COMMON_HEADERS <algorithm> <chrono> <functional> <map> <memory> <optional> <string>
  <string_view> <unordered_map> <vector> <boost/json.hpp> <spdlog/spdlog.h>)
set_property(GLOBAL PROPERTY HONE_TEST_SOURCES)
set_property(GLOBAL PROPERTY HONE_TEST_FOLDERS)

function(hone_folder NAME)
  cmake_parse_arguments(ARG "OWN_TESTS" "" "USES;LIBRARIES" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${NAME}/*.cpp)
  file(GLOB_RECURSE tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${NAME}/*_test.cpp)
  list(FILTER sources EXCLUDE REGEX "(_test|_bench|_fuzz|/main)\\.cpp$")
  list(TRANSFORM ARG_USES PREPEND hone_)
  if(sources)
    add_library(hone_${NAME} STATIC ${sources})
    hone_unity(hone_${NAME} ${sources})
    target_include_directories(hone_${NAME} PUBLIC ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(hone_${NAME} PRIVATE hone_options PUBLIC ${ARG_USES} ${ARG_LIBRARIES})
    if(NAME STREQUAL "base")
      target_precompile_headers(hone_base PRIVATE ${HONE_COMMON_HEADERS})
    elseif(NAME STREQUAL "net")
      target_precompile_headers(hone_net PRIVATE ${HONE_COMMON_HEADERS} <boost/asio.hpp>
        <boost/asio/ssl.hpp> <boost/beast/core.hpp> <boost/beast/http.hpp>)
    elseif(NAME MATCHES "^(capture|evaluate|release|loop|api|cli|simulate)$")
      target_precompile_headers(hone_${NAME} REUSE_FROM hone_net)
    elseif(NOT NAME STREQUAL "engine")
      target_precompile_headers(hone_${NAME} REUSE_FROM hone_base)
    endif()
  else()
    add_library(hone_${NAME} INTERFACE)
    target_link_libraries(hone_${NAME} INTERFACE ${ARG_USES} ${ARG_LIBRARIES})
  endif()
  if(NOT ARG_OWN_TESTS)
    set_property(GLOBAL APPEND PROPERTY HONE_TEST_SOURCES ${tests})
    set_property(GLOBAL APPEND PROPERTY HONE_TEST_FOLDERS hone_${NAME})
  endif()
endfunction()

function(hone_program NAME)
  cmake_parse_arguments(ARG "" "MAIN" "USES;LIBRARIES" ${ARGN})
  if(NOT EXISTS ${CMAKE_SOURCE_DIR}/${ARG_MAIN})
    return()
  endif()
  list(TRANSFORM ARG_USES PREPEND hone_)
  add_executable(${NAME} ${ARG_MAIN})
  target_link_libraries(${NAME} PRIVATE hone_options ${ARG_USES} ${ARG_LIBRARIES})
endfunction()

# hone_embed(FOLDER FILE NAME): the text of FILE as `std::string_view hone::FOLDER::NAME()`, so that a
# file which ships is also the built-in default, and there is one copy of it.
function(hone_embed FOLDER FILE NAME)
  file(READ ${CMAKE_SOURCE_DIR}/${FILE} text)
  set(generated ${CMAKE_BINARY_DIR}/generated/${FOLDER}_${NAME}.cpp)
  file(CONFIGURE OUTPUT ${generated} @ONLY CONTENT
"// Made from @FILE@ by cmake/folder.cmake.
#include <string_view>
namespace hone::@FOLDER@ {
std::string_view @NAME@() { return R\"hone(@text@)hone\"; }
}  // namespace hone::@FOLDER@
")
  set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${FILE})
  target_sources(hone_${FOLDER} PRIVATE ${generated})
endfunction()
