// What runs on an idle server: init, the loggers, cron, sshd, a web server with its children, consoles. They have
// started, hold memory and sleep; now and then one looks whether there is something to do.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "model/parameter_file.h"
#include "workloads/kernel/memory.h"
#include "workloads/programs/program.h"

namespace guest {

struct ServiceShapes : model::ParameterTable {
  static ServiceShapes load(const std::string& path);  // throws model::ParameterError
  static const ServiceShapes& redhat72();              // workloads/programs/services/redhat72.json, loaded once

  struct Service {
    const char* name;
    u32 processes = 0;
    u32 private_pages = 0;  // that each has written: data, heap, stack, what is private of the libraries
    u32 file_pages = 0;     // of its program that it has used
  };
  std::array<Service, 8> services{
      {{"init"}, {"syslogd"}, {"klogd"}, {"crond"}, {"sshd"}, {"httpd"}, {"httpd_child"}, {"mingetty"}}};
  u32 library_pages = 0;  // of the C library that somebody uses
  u32 idle_pages = 0;     // private ones that a service uses when it wakes
  u32 period = 0;         // seconds from one time to the next
};

class Services final : public Program {
 public:
  explicit Services(const ServiceShapes& shapes) : shapes_{shapes} {}
  model::Task<> run(SystemCalls& calls) override;

 private:
  model::Task<> serve(SystemCalls& calls, const ServiceShapes::Service& service);

  const ServiceShapes& shapes_;
};

}  // namespace guest
