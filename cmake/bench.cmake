# Benchmarks, each with its peer or limit measured in the same run: `./dev bench`. Not part of `all`.
# hone_bench(NAME library…): bench/NAME_bench.cpp.
function(hone_bench NAME)
  add_executable(${NAME}_bench EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/bench/${NAME}_bench.cpp)
  target_link_libraries(${NAME}_bench PRIVATE hone_options ${ARGN})
endfunction()
hone_bench(outbox hone_store)
hone_bench(store hone_store)
hone_bench(verdict hone_feedback)
hone_bench(tree hone_capture hone_simulate)
hone_bench(curate hone_curate)
hone_bench(redact hone_privacy)
# The gateway benchmark's two ends (bench/gateway/run.py runs them).
add_executable(gateway_stub EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/bench/gateway/stub.cpp)
target_link_libraries(gateway_stub PRIVATE hone_options)
add_executable(gateway_load EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/bench/gateway/load.cpp
  ${CMAKE_SOURCE_DIR}/bench/gateway/talk.cpp)
target_link_libraries(gateway_load PRIVATE hone_options)
# The thousand simulated releases a cell of src/release/sequential_test.cpp, which an instrumented build
# takes an hour for.
find_package(GTest QUIET)
if(GTest_FOUND)
  add_executable(release_simulation EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/src/release/sequential_test.cpp)
  target_link_libraries(release_simulation PRIVATE hone_options hone_release GTest::gtest GTest::gtest_main)
endif()
