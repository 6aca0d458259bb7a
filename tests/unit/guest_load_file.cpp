// dbench's load files, and the list of a source tree.
#include <doctest/doctest.h>

#include <cstdio>
#include <fstream>

#include "support/temporary_folder.h"
#include "workloads/programs/dbench/load_file.h"
#include "workloads/programs/kernel_build/build_profile.h"

namespace {

using guest::LoadFile;
using guest::LoadFileError;
using guest::LoadOperation;
using Kind = LoadOperation::Kind;

LoadFile parse(const std::string& text, std::size_t most = 100) { return guest::parse_load_file(text, "load", most); }

std::string error_of(const std::string& text) {
  try {
    parse(text);
  } catch (const LoadFileError& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("a line becomes an operation: names in lower case with slashes, handles, places, sizes, status") {
  const LoadFile load = parse(
      "NTCreateX \"\\clients\\client1\\A B.TXT\" 0x40 0x2 10003 NT_STATUS_OK\n"
      "WriteX 10003 65536 4096 4096 NT_STATUS_OK\n"
      "ReadX 10003 8 12 12 NT_STATUS_OK\n"
      "Rename \"\\clients\\client1\\a b.txt\" \"\\clients\\client1\\c\" NT_STATUS_OK\n"
      "Unlink \"\\clients\\client1\\d\" 0 NT_STATUS_OBJECT_NAME_NOT_FOUND\n");
  REQUIRE(load.operations.size() == 5);
  CHECK(load.paths == std::vector<std::string>{"/clients/client1/a b.txt", "/clients/client1/c", "/clients/client1/d"});
  const LoadOperation& create = load.operations[0];
  CHECK(create.kind == Kind::create);
  CHECK(create.make);
  CHECK(!create.directory);
  CHECK(!create.empty);
  CHECK(create.handle == 10003);
  CHECK(load.operations[1].kind == Kind::write);
  CHECK(load.operations[1].offset == 65536);
  CHECK(load.operations[1].bytes == 4096);
  CHECK(load.operations[2].kind == Kind::read);
  CHECK(load.operations[2].bytes == 12);
  CHECK(load.operations[3].path == 0);  // the same file, whatever its case
  CHECK(load.operations[3].to == 1);
  CHECK(load.operations[3].done);
  CHECK(!load.operations[4].done);
}

TEST_CASE("how a file is made follows from NT's options and disposition") {
  const auto create = [](const std::string& how) {
    return parse("NTCreateX \"\\x\" " + how + " 1 NT_STATUS_OK").operations.at(0);
  };
  CHECK(!create("0x40 0x1").make);  // open
  CHECK(create("0x40 0x3").make);   // open, or make
  CHECK(!create("0x40 0x4").make);  // overwrite
  CHECK(create("0x40 0x4").empty);
  CHECK(create("0x40 0x5").make);
  CHECK(create("0x40 0x5").empty);
  CHECK(create("0x1 0x2").directory);
}

TEST_CASE("comments and empty lines are nothing, and only so many operations are taken") {
  const std::string text = "# a comment\n\nFlush 1 NT_STATUS_OK\nFlush 2 NT_STATUS_OK\r\nFlush 3 NT_STATUS_OK";
  CHECK(parse(text).operations.size() == 3);
  CHECK(parse(text, 2).operations.size() == 2);
  CHECK(parse(text, 2).operations.back().handle == 2);
  CHECK(parse("").operations.empty());
}

TEST_CASE("what is wrong with a line is said with its number") {
  CHECK(error_of("Flush 1 NT_STATUS_OK\nFly 1 NT_STATUS_OK") == "load:2: \"Fly\" is no operation of a load file");
  CHECK(error_of("Close abc NT_STATUS_OK") == "load:1: expected a number instead of \"abc\"");
  CHECK(error_of("Close 1") == "load:1: expected a status at its end");
  CHECK(error_of("Unlink \"\\x") == "load:1: a quote is not closed");
  CHECK_THROWS_AS(guest::read_load_file("/nowhere/client.txt", 1), LoadFileError);
}

TEST_CASE("the tree of the kernel build has 381 C files of 26 kB on average") {
  const std::vector<guest::SourceFile>& tree = guest::kernel_tree();
  CHECK(tree.size() == 381);
  std::uint64_t bytes = 0;
  for (const guest::SourceFile& file : tree) {
    CHECK(file.path.ends_with(".c"));
    bytes += file.bytes;
  }
  CHECK(bytes / tree.size() == doctest::Approx(26'188).epsilon(0.001));
}

TEST_CASE("a list of files says which of its lines is wrong") {
  const test::TemporaryFolder folder;
  const std::string path = (folder.path() / "tree.csv").string();
  const auto error_in = [&path](const std::string& text) -> std::string {
    std::ofstream{path} << text;
    try {
      guest::read_source_tree(path);
    } catch (const model::ParameterError& error) {
      return error.path();
    }
    return "none";
  };
  CHECK(error_in("path,bytes\na.c,12\n") == "none");
  CHECK(error_in("# origin\npath,bytes\na.c,12\nb.c,many\n") == "line 4");
  CHECK(error_in("path,bytes\n,12\n") == "line 2");
  CHECK(error_in("path,bytes\n").empty());
}
