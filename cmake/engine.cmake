# hone-engine, the only code that sees libtorch. HONE_TORCH_ROOT has lib/ and include/ of libtorch >= 2.6.
set(HONE_TORCH_ROOT "$ENV{HONE_TORCH_ROOT}" CACHE PATH "libtorch: lib/ and include/")
if(NOT EXISTS ${HONE_TORCH_ROOT}/include/ATen/ATen.h)
  message(FATAL_ERROR "HONE_TORCH_ROOT does not name a libtorch; ./dev build sets it up")
endif()
add_library(hone_torch INTERFACE)
# After the system's own, because the wheel brings another fmt, which spdlog must not see.
target_compile_options(hone_torch INTERFACE "SHELL:-idirafter ${HONE_TORCH_ROOT}/include"
  "SHELL:-idirafter ${HONE_TORCH_ROOT}/include/torch/csrc/api/include")
# at::parallel_for is a template of ours to compile: without OpenMP it is a plain loop. At run time it is libtorch's
# own libgomp.
target_compile_options(hone_torch INTERFACE -fopenmp)
target_link_options(hone_torch INTERFACE -fopenmp)
target_link_directories(hone_torch INTERFACE ${HONE_TORCH_ROOT}/lib)
target_link_libraries(hone_torch INTERFACE torch_cpu c10)
target_link_options(hone_torch INTERFACE -Wl,-rpath,${HONE_TORCH_ROOT}/lib)
add_library(hone::torch ALIAS hone_torch)

pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
hone_folder(engine OWN_TESTS USES net wire LIBRARIES hone::torch hone::vectorscan PkgConfig::UTF8PROC
  CLI11::CLI11)
if(TARGET hone_engine)
  get_target_property(kind hone_engine TYPE)
  if(NOT kind STREQUAL "INTERFACE_LIBRARY")
    target_precompile_headers(hone_engine PRIVATE <ATen/ATen.h> <torch/csrc/autograd/custom_function.h>
      <boost/json.hpp> <memory> <string> <vector>)
  endif()
endif()
hone_program(hone-engine MAIN src/engine/main.cpp USES engine LIBRARIES CLI11::CLI11)
