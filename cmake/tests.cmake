# Three test programs, so that little is linked: hone_tests, table_tests, which sees Arrow, and engine_tests, which
# sees libtorch.
# `ctest` runs them per folder; --gtest_filter narrows further.
enable_testing()
find_package(GTest REQUIRED)
pkg_check_modules(BROTLI_ENCODER REQUIRED IMPORTED_TARGET libbrotlienc)  # what tests encode with
get_property(test_sources GLOBAL PROPERTY HONE_TEST_SOURCES)
get_property(test_folders GLOBAL PROPERTY HONE_TEST_FOLDERS)
file(GLOB_RECURSE more CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/*_test.cpp
  ${CMAKE_SOURCE_DIR}/tests/support/*.cpp ${CMAKE_SOURCE_DIR}/tests/fuzz/*_fuzz.cpp)
list(FILTER more EXCLUDE REGEX "/tests/fuzz/engine/")  # engine_tests has those
add_executable(hone_tests ${test_sources} ${more})
hone_unity(hone_tests ${test_sources} ${more})
target_include_directories(hone_tests PRIVATE ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(hone_tests PRIVATE hone_options ${test_folders} PkgConfig::BROTLI_ENCODER
  GTest::gtest GTest::gmock GTest::gtest_main)
set(places ${CMAKE_SOURCE_DIR}/tests/support/places.cpp)
set_source_files_properties(${places} PROPERTIES SKIP_PRECOMPILE_HEADERS ON SKIP_UNITY_BUILD_INCLUSION ON COMPILE_DEFINITIONS
  "HONE_SOURCE_DIR=\"${CMAKE_SOURCE_DIR}\";HONE_BIN_DIR=\"${CMAKE_BINARY_DIR}/bin\"")
target_precompile_headers(hone_tests PRIVATE <gtest/gtest.h> <boost/json.hpp> <map> <memory> <string> <vector>)
# What tests/crash kills.
add_executable(outbox_writer ${CMAKE_SOURCE_DIR}/tests/crash/outbox_writer.cpp)
target_link_libraries(outbox_writer PRIVATE hone_options hone_store)
add_dependencies(hone_tests outbox_writer hone)  # tests that run the program itself
add_test(NAME hone_tests COMMAND hone_tests --gtest_brief=1)

if(TARGET hone-parquet)
  file(GLOB table_tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/table/*_test.cpp)
  add_executable(table_tests ${table_tests})
  target_link_libraries(table_tests PRIVATE hone_options hone_table GTest::gtest GTest::gtest_main)
  target_include_directories(table_tests PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  add_dependencies(hone_tests hone-parquet)
  add_test(NAME table_tests COMMAND table_tests --gtest_brief=1)
endif()

if(HONE_ENGINE)
  file(GLOB_RECURSE engine_tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/engine/*_test.cpp)
  file(GLOB engine_fuzz CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fuzz/engine/*.cpp)
  if(engine_tests)
    add_executable(engine_tests ${engine_tests} ${engine_fuzz} ${places})
    hone_unity(engine_tests ${engine_tests} ${engine_fuzz})
    target_link_libraries(engine_tests PRIVATE hone_options hone_engine GTest::gtest GTest::gmock GTest::gtest_main)
    target_include_directories(engine_tests PRIVATE ${CMAKE_SOURCE_DIR}/tests)
    target_precompile_headers(engine_tests PRIVATE <gtest/gtest.h> <ATen/ATen.h> <boost/json.hpp> <string> <vector>)
    add_dependencies(engine_tests hone-engine)  # tests that kill a trainer start the real one
    foreach(shard 0 1)  # halves, since one process keeps one core busy
      add_test(NAME engine_tests_${shard} COMMAND engine_tests --gtest_brief=1)
      set_tests_properties(engine_tests_${shard} PROPERTIES
        ENVIRONMENT "GTEST_TOTAL_SHARDS=2;GTEST_SHARD_INDEX=${shard}")
    endforeach()
  endif()
endif()
