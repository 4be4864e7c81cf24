# libFuzzer programs, one a target of tests/fuzz/targets.h and tests/fuzz/engine/targets.h:
# build/fuzz/bin/fuzz_NAME FOLDER [-max_total_time=60] grows FOLDER from tests/fuzz/corpus/NAME.
# `fuzzers` builds them all.
add_custom_target(fuzzers)

# hone_fuzzers(LIBRARY FOLDER library…): the targets of FOLDER/targets.h, as FOLDER/*_fuzz.cpp define them.
function(hone_fuzzers LIBRARY FOLDER)
  file(STRINGS ${FOLDER}/targets.h names REGEX "^void [a-z_]+\\(std::string_view bytes\\);")
  list(TRANSFORM names REPLACE "^void ([a-z_]+)\\(.*" "\\1")
  file(GLOB sources CONFIGURE_DEPENDS ${FOLDER}/*_fuzz.cpp)
  add_library(${LIBRARY} OBJECT EXCLUDE_FROM_ALL ${sources})
  target_include_directories(${LIBRARY} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(${LIBRARY} PRIVATE hone_options ${ARGN})
  foreach(name ${names})
    add_executable(fuzz_${name} EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/tests/fuzz/main.cpp)
    target_include_directories(fuzz_${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
    target_compile_definitions(fuzz_${name} PRIVATE HONE_FUZZ_TARGET=${name})
    target_link_libraries(fuzz_${name} PRIVATE hone_options ${LIBRARY} ${ARGN} -fsanitize=fuzzer)
    add_dependencies(fuzzers fuzz_${name})
  endforeach()
endfunction()

# What of `hone connect` edits texts, without the rest of the command.
set(connect ${CMAKE_SOURCE_DIR}/src/cli/connect)
add_library(hone_connect_texts STATIC EXCLUDE_FROM_ALL ${connect}/document.cpp ${connect}/dotenv.cpp
  ${connect}/jsonc.cpp ${connect}/line_diff.cpp ${connect}/toml_text.cpp ${connect}/tools.cpp
  ${connect}/yaml_text.cpp)
target_include_directories(hone_connect_texts PUBLIC ${CMAKE_SOURCE_DIR}/src)
target_link_libraries(hone_connect_texts PRIVATE hone_options PUBLIC hone_base PkgConfig::YAML)
hone_fuzzers(hone_fuzz_targets ${CMAKE_SOURCE_DIR}/tests/fuzz hone_capture hone_curate hone_connect_texts)

# What of the engine reads files, and knows no tensor: without libtorch.
if(NOT TARGET PkgConfig::UTF8PROC)
  pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
endif()
set(model ${CMAKE_SOURCE_DIR}/src/engine/model)
file(GLOB engine_files CONFIGURE_DEPENDS ${model}/config.cpp ${model}/gguf*.cpp ${model}/import_*.cpp
  ${model}/jinja*.cpp ${model}/lora_config.cpp ${model}/mapped_file.cpp ${model}/pretokenizer.cpp
  ${model}/projection.cpp ${model}/safetensors*.cpp ${model}/template_json.cpp ${model}/tokenizer*.cpp
  ${model}/utf8.cpp ${model}/whole_file.cpp ${CMAKE_SOURCE_DIR}/src/engine/constrain/pattern_tree.cpp
  ${CMAKE_SOURCE_DIR}/src/engine/constrain/text_states.cpp)
list(FILTER engine_files EXCLUDE REGEX "_test\\.cpp$")
add_library(hone_engine_files STATIC EXCLUDE_FROM_ALL ${engine_files})
target_include_directories(hone_engine_files PUBLIC ${CMAKE_SOURCE_DIR}/src)
target_link_libraries(hone_engine_files PRIVATE hone_options PUBLIC hone_base PkgConfig::UTF8PROC)
hone_fuzzers(hone_engine_fuzz_targets ${CMAKE_SOURCE_DIR}/tests/fuzz/engine hone_engine_files)
