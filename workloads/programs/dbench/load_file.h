// dbench's load file: the operations that a Windows client once had a file server do, one a line.
//
// Format of dbench 4: an operation, its arguments, and the status that the server answered. Names are in quotes, with
// backslashes; they do not depend on case. (dbench 4.0, README; Debian's package has the file as
// /usr/share/dbench/client.txt.)
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace guest {

// Which line of a load file is wrong, and why.
class LoadFileError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct LoadOperation {
  enum class Kind : std::uint8_t {
    create,  // NTCreateX: opens, and makes what is not there
    close,
    read,   // ReadX
    write,  // WriteX
    flush,
    query_path,    // QUERY_PATH_INFORMATION
    query_file,    // QUERY_FILE_INFORMATION
    query_system,  // QUERY_FS_INFORMATION
    set_file,      // SET_FILE_INFORMATION
    find,          // FIND_FIRST: lists a directory
    unlink,
    rename,
    lock,  // LockX, UnlockX
    make_directory,
    delete_tree,
  };
  Kind kind;
  bool done = true;                // the server did it; else it found no such file
  bool directory = false;          // create: of a directory
  bool make = false;               // create: what is not there is made
  bool empty = false;              // create: what is there is truncated
  std::uint32_t path = 0, to = 0;  // of LoadFile::paths
  std::uint32_t handle = 0;
  std::uint32_t offset = 0, bytes = 0;
};

struct LoadFile {
  std::vector<LoadOperation> operations;
  std::vector<std::string> paths;  // "/clients/client1/x": in lower case
};

// The first `most` operations. Throws LoadFileError, which begins with `name`.
LoadFile parse_load_file(std::string_view text, const std::string& name, std::size_t most);
LoadFile read_load_file(const std::string& file, std::size_t most);

}  // namespace guest
