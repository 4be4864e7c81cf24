# Benchmarks, each with its peer or limit measured in the same run: `./dev bench`. Not part of `all`.
add_executable(outbox_bench EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/bench/outbox_bench.cpp)
target_link_libraries(outbox_bench PRIVATE hone_options hone_store)
add_executable(store_bench EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/bench/store_bench.cpp)
target_link_libraries(store_bench PRIVATE hone_options hone_store)
add_executable(verdict_bench EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/bench/verdict_bench.cpp)
target_link_libraries(verdict_bench PRIVATE hone_options hone_feedback)
add_executable(tree_bench EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/bench/tree_bench.cpp)
target_link_libraries(tree_bench PRIVATE hone_options hone_capture hone_simulate)
add_executable(curate_bench EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/bench/curate_bench.cpp)
target_link_libraries(curate_bench PRIVATE hone_options hone_curate)
# The gateway benchmark's two ends (bench/gateway/run.py runs them).
add_executable(gateway_stub EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/bench/gateway/stub.cpp)
target_link_libraries(gateway_stub PRIVATE hone_options)
add_executable(gateway_load EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/bench/gateway/load.cpp
  ${CMAKE_SOURCE_DIR}/bench/gateway/talk.cpp)
target_link_libraries(gateway_load PRIVATE hone_options)
add_executable(redact_bench EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/bench/redact_bench.cpp)
target_link_libraries(redact_bench PRIVATE hone_options hone_privacy)
# The thousand simulated releases a cell of src/release/sequential_test.cpp, which an instrumented build
# takes an hour for.
find_package(GTest QUIET)
if(GTest_FOUND)
  add_executable(release_simulation EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/src/release/sequential_test.cpp)
  target_link_libraries(release_simulation PRIVATE hone_options hone_release GTest::gtest GTest::gtest_main)
endif()
