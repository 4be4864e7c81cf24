// hone-parquet COLUMNS LINES.jsonl FILE.parquet: JSON lines as a Parquet file. `hone dataset export
// --parquet` runs it (src/cli/parquet.h), so that only who asks for a table loads Arrow. Exit
// status 0 where the file is whole; otherwise it is not there, and standard error says why.
#include <exception>
#include <iostream>

#include "table/parquet_file.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr
        << "hone-parquet COLUMNS LINES.jsonl FILE.parquet\n"
           "COLUMNS as in id:string,prompt:messages,margin:number? (docs/formats/dataset.md)\n";
    return 2;
  }
  try {
    const auto rows = hone::table::write_parquet(argv[1], argv[2], argv[3]);
    if (rows) return 0;
    std::cerr << rows.error().message << '\n';
  } catch (const std::exception& error) {  // of Arrow and Parquet, where they have no status for it
    std::cerr << error.what() << '\n';
  }
  return 1;
}
