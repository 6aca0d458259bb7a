#include "workloads/programs/web99/apache.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "workloads/programs/lmbench/process_shapes.h"

namespace guest {

namespace {

constexpr const char* kLibc = "/lib/libc.so.6";
constexpr const char* kTimeZone = "/etc/localtime";
constexpr u32 kTimeZoneBytes = 1267;
constexpr u32 kLoaderCachePages = 4;
constexpr u32 kParts = 4;  // of a request's work: the header, the file, the answer, the log
constexpr Protection kRead{.read = true};

}  // namespace

struct Apache::Worker {
  SystemCalls& calls;
  u32 buffer = 0;                       // of the header, in front, and of what is read of files
  std::vector<model::Sweep> used = {};  // by a part of a request

  u32 body() const { return buffer + 2 * hv::kPageSize; }
};

Apache::Apache(const Web99Settings& settings, const std::string& name)
    : settings_{settings},
      profile_{settings_.profile ? *settings_.profile : Web99Profile::standard()},
      root_{"/web99/" + name} {}

u32 Apache::resident_pages() const {
  constexpr u32 kOfProcess = 48;  // stack, tables, what it writes of the server's data
  return processes() * kOfProcess + 2048;
}

// --- before the server starts ----------------------------------------------------------------------------------------

// As after the benchmark's warm-up: the files are in memory. Several servers of one kernel share its libraries.
void Apache::install_files(Kernel& kernel) {
  const ProcessShapes& shapes = ProcessShapes::standard();
  FileSystem& files = kernel.file_system();
  const auto executable = [](const ImageShape& shape, u32 start, UserCode code, std::string interpreter) {
    return std::make_shared<const Executable>(Executable{.segments = segments_of(shape, start),
                                                         .break_start = end_of(shape, start),
                                                         .interpreter = std::move(interpreter),
                                                         .code = std::move(code)});
  };
  if (!files.installed(kLoaderPath)) {
    files.install(kLoaderPath, shapes.loader.file_bytes(), executable(shapes.loader, kLoaderStart, {}, ""));
    files.install(kLoaderCachePath, kLoaderCachePages * hv::kPageSize);
    files.install(kLibc, shapes.libc.file_bytes());
    files.install(kTimeZone, kTimeZoneBytes);
  }
  files.install(root_ + "/httpd", profile_.httpd.file_bytes(),
                executable(
                    profile_.httpd, kProgramStart, [this](SystemCalls& in) { return httpd(in); }, kLoaderPath));
  files.install(root_ + "/cgi", profile_.cgi.file_bytes(),
                executable(
                    profile_.cgi, kProgramStart, [this](SystemCalls& in) { return cgi(in); }, kLoaderPath));
  const WebFileSet set{settings_.connections};
  for (u32 directory = 0; directory < set.directories(); ++directory) {
    for (u8 size_class = 0; size_class < WebFileSet::kClasses; ++size_class) {
      for (u8 number = 1; number <= WebFileSet::kFilesPerClass; ++number) {
        const WebFile file{directory, size_class, number};
        files.install(WebFileSet::path(root_, file), WebFileSet::bytes(file), nullptr, FileSystem::Residence::used);
      }
    }
  }
}

model::Task<> Apache::run(SystemCalls& calls) {
  install_files(calls.kernel());
  for (int standard = 0; standard < 3; ++standard) co_await calls.open("/dev/null");
  co_await calls.exec(root_ + "/httpd");
}

model::Task<> Apache::httpd(SystemCalls& calls) {
  const ProcessShapes& shapes = ProcessShapes::standard();
  const std::array libraries = {Library{kLibc, shapes.libc}};
  const ProgramShape shape{.image = profile_.httpd, .heap_pages = 0, .stack_pages = profile_.httpd_stack};
  StartUp start{calls, profile_.used_bytes, sim::Cycles{0}};
  co_await start.run(shape, shapes.loader, libraries, kLoaderCachePages);
  libc_ = start.libraries()[0];
  heap_ = co_await calls.grow_heap(profile_.httpd_heap * hv::kPageSize);
  co_await start.use(heap_, profile_.httpd_heap, profile_.httpd_heap, model::Use::write);

  socket_ = co_await calls.tcp_socket();
  const bool listening = co_await calls.listen(socket_, settings_.port, profile_.backlog);
  if (!listening) calls.kernel().panic(fmt::format("httpd: port {} is taken", settings_.port));
  log_file_ = co_await calls.open(root_ + "/access_log", {.create = true, .append = true});
  const Descriptor posts = co_await calls.open(root_ + "/post.log", {.create = true, .append = true});
  co_await calls.close(posts);
  for (u32 i = 0; i < processes(); ++i) {
    co_await calls.fork([this](SystemCalls& child) { return serve_connections(child); });
  }
  started();
  while (true) co_await calls.sleep(kTicksPerSecond);  // whether there are processes enough
}

// --- a process of the server -----------------------------------------------------------------------------------------

model::Task<> Apache::serve_connections(SystemCalls& calls) {
  Worker worker{calls};
  worker.buffer =
      co_await calls.map({.bytes = 2 * hv::kPageSize + profile_.piece_bytes, .protection = {.write = true}});
  // A part of a request uses a part of the pages; all of them are used once in a request.
  const auto add_pages = [&](u32 start, u32 pages, model::Use use) {
    for (u32 i = 0; i < pages; ++i) {
      worker.used.push_back({start + i * hv::kPageSize, profile_.used_bytes, use});
    }
  };
  add_pages(kProgramStart, profile_.text_used, model::Use::execute);
  add_pages(heap_, profile_.data_used, model::Use::write);
  while (true) {
    SocketAddress user;
    const Descriptor connection = co_await calls.accept(socket_, &user);
    if (connection < 0) continue;
    co_await serve(worker, connection, user);
  }
}

model::Task<> Apache::alarms(SystemCalls& calls, u32 count) {
  constexpr u32 kTimeout = 300;  // s, Apache's default
  for (u32 i = 0; i < count; ++i) co_await calls.alarm(i + 1 < count ? kTimeout : 0);
}

model::Task<> Apache::actions(SystemCalls& calls, u32 count) {
  for (u32 i = 0; i < count; ++i) co_await calls.signal_action(Signal::user1, {});
}

model::Task<> Apache::work(Worker& worker) {
  const sim::Cycles part{profile_.user_work.count() / kParts};
  co_await worker.calls.access(worker.used, part);
}

model::Task<> Apache::serve(Worker& worker, Descriptor connection, SocketAddress user) {
  SystemCalls& calls = worker.calls;
  co_await actions(calls, profile_.actions_per_connection);
  co_await calls.socket_name(connection);
  co_await calls.set_no_delay(connection);
  while (true) {
    const bool more = co_await answer(worker, connection, user);
    if (!more) break;
  }
  co_await close(worker, connection);
}

// What the user may still send is read, so that no reset overtakes the answer on its way [lingering_close].
model::Task<> Apache::close(Worker& worker, Descriptor connection) {
  SystemCalls& calls = worker.calls;
  co_await alarms(calls, profile_.alarms_per_connection);
  co_await calls.shut_down(connection);
  co_await calls.select({&connection, 1}, false, u64{profile_.linger_seconds} * kTicksPerSecond);
  co_await calls.read(connection, worker.buffer, profile_.request_buffer);
  co_await calls.close(connection);
}

model::Task<bool> Apache::answer(Worker& worker, Descriptor connection, SocketAddress user) {
  SystemCalls& calls = worker.calls;
  co_await alarms(calls, profile_.alarms_per_request / 2);
  const u32 header = co_await calls.read(connection, worker.buffer, profile_.request_buffer);
  const std::optional<WebRequest> request = settings_.requests->read(user);
  if (header == 0 || !request) co_return false;
  ++by_kind_[static_cast<std::size_t>(request->kind)];
  co_await actions(calls, profile_.actions_per_request);
  co_await work(worker);

  const std::string path = WebFileSet::path(root_, request->file);
  co_await calls.stat(path);
  if (request->kind == WebRequest::Kind::advertisement) {  // whether its tables have changed
    co_await calls.stat(kTimeZone);
    co_await calls.stat(kTimeZone);
  }
  const Descriptor file = co_await calls.open(path);
  if (file < 0) calls.kernel().panic("httpd: no file " + path);
  co_await work(worker);
  if (request->kind == WebRequest::Kind::post) co_await post(worker);
  if (request->kind == WebRequest::Kind::cgi) {
    co_await run_cgi(worker, connection, *request);
  } else if (request->kind == WebRequest::Kind::file) {
    co_await send_mapped(worker, connection, file, *request);
  } else {
    co_await send_read(worker, connection, file, *request);
  }
  co_await calls.close(file);
  co_await log(worker);
  co_await alarms(calls, profile_.alarms_per_request - profile_.alarms_per_request / 2);
  ++answered_;
  co_return !request->last;
}

// Header and first piece in one call, the rest piece by piece; small bodies are copied behind the header.
model::Task<> Apache::send_mapped(Worker& worker, Descriptor connection, Descriptor file, const WebRequest& request) {
  SystemCalls& calls = worker.calls;
  const u32 bytes = WebFileSet::bytes(request.file);
  const u32 map = co_await calls.map({.bytes = bytes, .protection = kRead, .file = file});
  co_await work(worker);
  if (request.body_bytes() < profile_.copied_body) {
    co_await calls.access({map + request.skip, request.body_bytes(), model::Use::read});
    co_await calls.access({worker.buffer, profile_.header_bytes + request.body_bytes(), model::Use::write});
    co_await calls.select({&connection, 1}, false);
    co_await calls.write(connection, worker.buffer, profile_.header_bytes + request.body_bytes());
  } else {
    u32 done = std::min(request.body_bytes(), profile_.piece_bytes);
    const std::array<Piece, 2> pieces{{{worker.buffer, profile_.header_bytes}, {map + request.skip, done}}};
    co_await calls.write(connection, pieces);
    while (done < request.body_bytes()) {
      co_await alarms(calls, profile_.alarms_per_piece);
      const u32 part = std::min(request.body_bytes() - done, profile_.piece_bytes);
      const u32 sent = co_await calls.write(connection, map + request.skip + done, part);
      if (sent < part) break;  // the user has gone
      done += part;
    }
  }
  co_await calls.unmap(map, bytes);
}

// The module reads the file into its own memory and puts a header and a trailer around it.
model::Task<> Apache::send_read(Worker& worker, Descriptor connection, Descriptor file, const WebRequest& request) {
  SystemCalls& calls = worker.calls;
  co_await work(worker);
  if (request.skip > 0) co_await calls.seek(file, request.skip);
  for (u32 done = 0; done < request.body_bytes();) {
    const u32 part = co_await calls.read(file, worker.body(), profile_.piece_bytes);
    if (part == 0) break;
    if (done == 0) {
      const std::array<Piece, 2> pieces{{{worker.buffer, profile_.header_bytes}, {worker.body(), part}}};
      co_await calls.write(connection, pieces);
    } else {
      co_await alarms(calls, profile_.alarms_per_piece);
      const u32 sent = co_await calls.write(connection, worker.body(), part);
      if (sent < part) break;
    }
    done += part;
  }
}

// One record, one process at a time.
model::Task<> Apache::post(Worker& worker) {
  SystemCalls& calls = worker.calls;
  const Descriptor posts = co_await calls.open(root_ + "/post.log", {.append = true});
  co_await calls.lock_file(posts);
  co_await calls.write(posts, worker.buffer, profile_.post_log_bytes);
  co_await calls.unlock_file(posts);
  co_await calls.close(posts);
}

model::Task<> Apache::log(Worker& worker) {
  co_await work(worker);
  co_await worker.calls.stat(kTimeZone);
  co_await worker.calls.write(log_file_, worker.buffer, profile_.log_bytes);
}

// --- CGI -------------------------------------------------------------------------------------------------------------

// The program's output comes through a pipe, its errors through another; a third has its input.
model::Task<> Apache::run_cgi(Worker& worker, Descriptor connection, const WebRequest& request) {
  SystemCalls& calls = worker.calls;
  const SystemCalls::PipeEnds input = co_await calls.pipe();
  const SystemCalls::PipeEnds output = co_await calls.pipe();
  const SystemCalls::PipeEnds errors = co_await calls.pipe();
  CgiJob job;
  job.path = WebFileSet::path(root_, request.file);
  job.skip = request.skip;
  job.output = output.write;
  job.not_its_own = {input.write, output.read, errors.read};
  const UserCode code = [this, job](SystemCalls& in) { return become_cgi(in, job); };
  const ProcessId child = co_await calls.fork(code);
  for (const Descriptor end : {input.read, output.write, errors.write}) co_await calls.close(end);
  co_await calls.close(input.write);
  co_await calls.write(connection, worker.buffer, profile_.header_bytes);
  for (u32 done = 0; done < request.body_bytes();) {
    const u32 wanted = std::min(request.body_bytes() - done, hv::kPageSize);
    const u32 part = co_await calls.read(output.read, worker.body(), wanted);
    if (part == 0) break;
    const u32 sent = co_await calls.write(connection, worker.body(), part);
    if (sent < part) break;
    done += part;
  }
  co_await calls.close(output.read);
  co_await calls.close(errors.read);
  co_await calls.wait(child);
}

model::Task<> Apache::become_cgi(SystemCalls& calls, CgiJob job) {
  for (const Descriptor end : job.not_its_own) co_await calls.close(end);
  cgi_jobs_.insert_or_assign(calls.process().id, std::move(job));
  co_await calls.exec(root_ + "/cgi");
}

model::Task<> Apache::cgi(SystemCalls& calls) {
  const ProcessShapes& shapes = ProcessShapes::standard();
  const auto place = cgi_jobs_.find(calls.process().id);
  const CgiJob job = place->second;
  cgi_jobs_.erase(place);
  const std::array libraries = {Library{kLibc, shapes.libc}};
  const ProgramShape shape{.image = profile_.cgi, .heap_pages = 2, .stack_pages = 2, .buffer_pages = 1};
  StartUp start{calls, shapes.touched_bytes, sim::Cycles{shapes.hello_link_work}};
  co_await start.run(shape, shapes.loader, libraries, shapes.cache_pages);
  const u32 buffer = end_of(profile_.cgi, kProgramStart);  // its heap
  const Descriptor file = co_await calls.open(job.path);
  if (job.skip > 0) co_await calls.seek(file, job.skip);
  while (true) {
    const u32 part = co_await calls.read(file, buffer, hv::kPageSize);
    if (part == 0) break;
    const u32 written = co_await calls.write(job.output, buffer, part);
    if (written < part) break;
  }
}

}  // namespace guest
