# Libraries from Debian; libtorch is in engine.cmake, so that nothing else can see it.
find_package(OpenSSL REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(PostgreSQL REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(BROTLI REQUIRED IMPORTED_TARGET libbrotlidec)
pkg_check_modules(HYPERSCAN REQUIRED IMPORTED_TARGET libhs)
pkg_check_modules(LIBGIT2 REQUIRED IMPORTED_TARGET libgit2)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
find_library(HONE_BOOST_JSON boost_json REQUIRED)
find_library(HONE_BOOST_CONTAINER boost_container REQUIRED)
find_library(HONE_BOOST_URL boost_url REQUIRED)

find_path(HONE_XXHASH xxhash.h REQUIRED)  # header only
find_path(HONE_PROTOZERO protozero/pbf_reader.hpp REQUIRED)  # likewise
find_library(HONE_MIMALLOC mimalloc REQUIRED)

# One item, and only for who needs it: a program that makes no gRPC server does not load its fifty libraries.
# gRPC's classes have a mutex of Abseil's in them.
pkg_check_modules(GRPC REQUIRED grpc++)
add_library(hone_grpc INTERFACE)
target_link_libraries(hone_grpc INTERFACE
  -Wl,--push-state,--as-needed,-lgrpc++,-lgrpc,-lgpr,-labsl_synchronization,--pop-state)
add_library(hone::grpc ALIAS hone_grpc)

add_library(hone_zstd INTERFACE)
target_link_libraries(hone_zstd INTERFACE PkgConfig::ZSTD)
add_library(hone::zstd ALIAS hone_zstd)

add_library(hone_brotli INTERFACE)
target_link_libraries(hone_brotli INTERFACE PkgConfig::BROTLI)
add_library(hone::brotli ALIAS hone_brotli)

add_library(hone_vectorscan INTERFACE)
target_link_libraries(hone_vectorscan INTERFACE PkgConfig::HYPERSCAN)
add_library(hone::vectorscan ALIAS hone_vectorscan)

add_library(hone_libgit2 INTERFACE)
target_link_libraries(hone_libgit2 INTERFACE PkgConfig::LIBGIT2)
add_library(hone::libgit2 ALIAS hone_libgit2)

add_library(hone_boost_json INTERFACE)
target_link_libraries(hone_boost_json INTERFACE ${HONE_BOOST_JSON} ${HONE_BOOST_CONTAINER} Threads::Threads)
add_library(hone::boost_json ALIAS hone_boost_json)

# Asio's and Beast's templates are compiled once, in src/net. The definitions are everyone's, so that the
# precompiled headers are.
add_compile_definitions(BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_SEPARATE_COMPILATION
  BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_DISABLE_VISIBILITY)
add_library(hone_boost INTERFACE)
target_link_libraries(hone_boost INTERFACE ${HONE_BOOST_URL} Threads::Threads)
add_library(hone::boost ALIAS hone_boost)
