# Benchmarks, each with its peer or limit measured in the same run: `./dev bench`. Not part of `all`.
add_executable(outbox_bench EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/bench/outbox_bench.cpp)
target_link_libraries(outbox_bench PRIVATE hone_options hone_store)
