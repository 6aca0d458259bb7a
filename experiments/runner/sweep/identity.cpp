#include "experiments/runner/sweep/identity.h"

#include <algorithm>
#include <boost/uuid/name_generator_sha1.hpp>
#include <boost/uuid/uuid.hpp>
#include <fstream>
#include <iterator>

#include "experiments/runner/known_names.h"
#include "experiments/runner/settings.h"
#include "experiments/runner/version.h"

namespace runner {

namespace {

namespace fs = std::filesystem;

std::string contents(const fs::path& file) {
  std::ifstream stream{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{stream}, {}};
}

// The files of an iteration over a folder that `wanted` likes, in the order of their names.
template <class Iterator, class Wanted>
RunKey add_files(RunKey key, const fs::path& folder, Wanted wanted) {
  std::vector<fs::path> files;
  std::error_code ignored;  // a folder that is not there has no files
  for (const auto& entry : Iterator{folder, ignored}) {
    if (entry.is_regular_file(ignored) && wanted(entry.path())) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  for (const fs::path& file : files) {
    key = digest(digest(key, file.lexically_relative(folder).string()), contents(file));
  }
  return key;
}

// A recording is one file, or several that begin with its name; here or in the project, as host_spec() looks for it.
RunKey add_recording(const RunKey& key, const std::string& name) {
  for (const fs::path& path : {fs::absolute(name), root() / name}) {
    const std::string prefix = path.filename().string();
    const RunKey with = add_files<fs::directory_iterator>(key, path.parent_path(), [&prefix](const fs::path& file) {
      return file.filename().string().starts_with(prefix);
    });
    if (with != key) return with;
  }
  return key;
}

}  // namespace

RunKey digest(const RunKey& within, std::string_view name) {
  boost::uuids::uuid space;
  std::ranges::copy(within, space.begin());
  const boost::uuids::uuid made = boost::uuids::name_generator_sha1{space}(name.data(), name.size());
  RunKey key{};
  std::copy(made.begin(), made.end(), key.begin());
  return key;
}

const RunKey& model_key() {
  static const RunKey key = [] {
    const auto is_json = [](const fs::path& file) { return file.extension() == ".json"; };
    const RunKey sources = digest({}, kSourceDigest);
    using Recursive = fs::recursive_directory_iterator;
    return add_files<Recursive>(add_files<Recursive>(sources, root() / "model", is_json), root() / "workloads",
                                is_json);
  }();
  return key;
}

RunKey point_key(const Setup& setup) {
  RunKey key = digest(model_key(), write_settings(setup).dump());
  for (const DomainSettings& domain : setup.domains) {
    for (const guest::ProgramSpec& program : domain.programs) {
      const auto* raw_disk = std::get_if<guest::RawDiskSettings>(&program);
      if (raw_disk != nullptr && !raw_disk->trace.empty()) key = add_recording(key, raw_disk->trace);
    }
  }
  return key;
}

RunKey run_key(const RunKey& point, std::uint64_t seed) { return digest(point, std::to_string(seed)); }

}  // namespace runner
