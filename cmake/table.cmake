# hone-parquet, the only code that sees Arrow. HONE_ARROW_ROOT has lib/ and include/ of Arrow's C++ libraries
# (arrow, parquet). Without them all else is built, and `hone dataset export --parquet` says what is missing.
set(HONE_ARROW_ROOT "$ENV{HONE_ARROW_ROOT}" CACHE PATH "Arrow's C++ libraries: lib/ and include/")
if(NOT HONE_ARROW_ROOT AND DEFINED ENV{HONE_ARROW_ROOT})  # configured before Arrow was there
  set(HONE_ARROW_ROOT "$ENV{HONE_ARROW_ROOT}" CACHE PATH "Arrow's C++ libraries: lib/ and include/" FORCE)
endif()
if(NOT EXISTS "${HONE_ARROW_ROOT}/include/parquet/arrow/writer.h")
  message(WARNING "HONE_ARROW_ROOT names no Arrow: hone-parquet is left out; ./dev build sets it up")
  return()
endif()
add_library(hone_arrow INTERFACE)
target_include_directories(hone_arrow SYSTEM INTERFACE ${HONE_ARROW_ROOT}/include)
target_link_directories(hone_arrow INTERFACE ${HONE_ARROW_ROOT}/lib)
target_link_libraries(hone_arrow INTERFACE parquet arrow)
target_link_options(hone_arrow INTERFACE -Wl,-rpath,${HONE_ARROW_ROOT}/lib)
add_library(hone::arrow ALIAS hone_arrow)

hone_folder(table OWN_TESTS USES base LIBRARIES hone::arrow)
hone_program(hone-parquet MAIN src/table/main.cpp USES table)
