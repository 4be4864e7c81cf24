# Compiler settings for all our code. Warnings are errors; sanitizers come from HONE_SANITIZE.
add_library(hone_options INTERFACE)
target_compile_options(hone_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor
  -Werror -fno-omit-frame-pointer
  -Wno-missing-field-initializers)  # designated initialisers leave the rest at their defaults
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Coroutine frames, std::expected and joined strings make g++ 12 see uninitialised values and writes
  # out of bounds that are not there (GCC bugs 105562, 105651); the sanitizers look for the real ones.
  target_compile_options(hone_options INTERFACE -Wno-maybe-uninitialized -Wno-mismatched-new-delete
    -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread)
endif()
if(HONE_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(hone_options INTERFACE -Wno-tsan)  # Asio's fences: TSan sees its mutexes
endif()
if(HONE_SANITIZE)
  target_compile_options(hone_options INTERFACE -fsanitize=${HONE_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(hone_options INTERFACE -fsanitize=${HONE_SANITIZE})
endif()
if(HONE_QUICK_CHECKS)
  # UBSan's checks of every pointer make a third of the code to compile. ASan finds most of what they would; the
  # presets dev and fuzz have them all.
  target_compile_options(hone_options INTERFACE -fno-sanitize=null,alignment,vptr,object-size,pointer-overflow
    -fno-sanitize=nonnull-attribute,returns-nonnull-attribute)
endif()
if(HONE_FUZZ)
  # The first tells libFuzzer what was reached; libstdc++ itself uses what it deprecates, as clang sees it.
  target_compile_options(hone_options INTERFACE -fsanitize=fuzzer-no-link -Wno-deprecated-declarations)
endif()

# hone_unity(TARGET file…): with HONE_UNITY, compiles those of TARGET's sources several at a time.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
function(hone_unity TARGET)
  if(NOT HONE_UNITY)
    return()
  endif()
  execute_process(COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/cmake/unity.py 8 ${ARGN}
    OUTPUT_VARIABLE lines COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[^\n]+" lines "${lines}")
  foreach(line ${lines})
    string(REGEX MATCH "^([0-9]+) (.*)$" _ ${line})
    set_source_files_properties(${CMAKE_MATCH_2} PROPERTIES UNITY_GROUP ${CMAKE_MATCH_1})
  endforeach()
  set_target_properties(${TARGET} PROPERTIES UNITY_BUILD ON UNITY_BUILD_MODE GROUP)
  # g++ takes the file that includes our sources for their only home, and everything in them for headers.
  target_compile_options(${TARGET} PRIVATE -Wno-subobject-linkage)
endfunction()

find_program(HONE_CCACHE ccache)
if(HONE_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_ctime,include_file_mtime ${HONE_CCACHE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-fpch-preprocess)
  endif()
endif()
find_program(HONE_MOLD mold)
if(HONE_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
add_compile_options(-fdebug-prefix-map=${CMAKE_SOURCE_DIR}=. -fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=)
