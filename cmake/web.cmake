# The dashboard: npm builds web/, and its files become part of hone_api. With HONE_WEB=OFF the program
# says instead that the dashboard is not in it.
set(web_dist ${CMAKE_BINARY_DIR}/web)
set(assets_cpp ${CMAKE_BINARY_DIR}/generated/assets_data.cpp)
if(HONE_WEB)
  # `npm install`, not `npm ci`: ci insists on the optional packages of every platform, which a mirror may
  # lack. Versions and digests come from package-lock.json all the same.
  file(GLOB_RECURSE web_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/web/src/*)
  add_custom_command(
    OUTPUT ${CMAKE_SOURCE_DIR}/web/node_modules/.package-lock.json
    COMMAND npm install --no-save --ignore-scripts --silent --no-audit --no-fund
    COMMAND ${CMAKE_COMMAND} -E touch node_modules/.package-lock.json
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/web
    DEPENDS ${CMAKE_SOURCE_DIR}/web/package-lock.json
    COMMENT "Fetching the dashboard's libraries" VERBATIM)
  add_custom_command(
    OUTPUT ${web_dist}/index.html
    COMMAND npx tsc --noEmit
    COMMAND npx vite build --logLevel warn --emptyOutDir --outDir ${web_dist}
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/web
    DEPENDS ${web_sources} ${CMAKE_SOURCE_DIR}/web/index.html ${CMAKE_SOURCE_DIR}/web/vite.config.ts
      ${CMAKE_SOURCE_DIR}/web/node_modules/.package-lock.json
    COMMENT "Building the dashboard" VERBATIM)
  set(web_ready ${web_dist}/index.html)
endif()
add_custom_command(
  OUTPUT ${assets_cpp}
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/cmake/embed.py ${assets_cpp} ${web_dist}
  DEPENDS ${web_ready} ${CMAKE_SOURCE_DIR}/cmake/embed.py
  COMMENT "Embedding the dashboard" VERBATIM)
target_sources(hone_api PRIVATE ${assets_cpp})
set_source_files_properties(${assets_cpp} PROPERTIES SKIP_PRECOMPILE_HEADERS ON)
