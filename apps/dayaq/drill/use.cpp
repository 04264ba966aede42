// What the machine was used for, as the kernel tells it. @see proc(5)
#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <sstream>

#include "drill/drill.hpp"

namespace dayaq::cli::drill {
namespace {

double ticks_of(const std::string& stat) {
  // Fields 14 and 15, counted after the name in parentheses.
  const std::size_t at = stat.rfind(')');
  if (at == std::string::npos) return 0;
  std::istringstream rest(stat.substr(at + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) rest >> skipped;
  double user = 0, system = 0;
  rest >> user >> system;
  return user + system;
}

std::string first_line(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

double of_family(int pid) {
  if (pid <= 0) return 0;
  double out = ticks_of(first_line(fmt::format("/proc/{}/stat", pid)));
  std::ifstream in(fmt::format("/proc/{0}/task/{0}/children", pid));
  for (int child = 0; in >> child;) out += of_family(child);
  return out;
}

}  // namespace

Use use_of(const World& world) {
  Use out;
  const double hertz = double(::sysconf(_SC_CLK_TCK));
  std::error_code error;
  for (const auto& thread :
       std::filesystem::directory_iterator(fmt::format("/proc/{}/task", world.pid()), error)) {
    const std::string name = first_line(thread.path() / "comm");
    const double used = ticks_of(first_line(thread.path() / "stat")) / hertz;
    if (name == "writer") out.writer += used;
    if (name == "http-io") out.io += used;
    if (name == "http-worker") out.workers += used;
  }
  if (world.postgres() != nullptr) out.database = of_family(world.postgres()->pid()) / hertz;
  std::istringstream all(first_line("/proc/stat"));
  std::string word;
  all >> word;
  double value = 0;
  for (int i = 0; all >> value; ++i) {
    if (i != 3 && i != 4) out.machine += value / hertz;  // without idle and iowait
  }
  // "some avg10=0.00 avg60=0.00 avg300=0.00 total=12345": microseconds in which something waited.
  const std::string pressure = first_line("/proc/pressure/io");
  const std::size_t at = pressure.find("total=");
  if (at != std::string::npos) std::istringstream(pressure.substr(at + 6)) >> out.disk;
  out.disk /= 1e6;
  return out;
}

void add_use(Slice& slice, const Use& before, const Use& after, double seconds) {
  const auto used = [&](double from, double until) { return until >= from ? (until - from) / seconds : 0; };
  slice.writer = used(before.writer, after.writer);
  slice.io = used(before.io, after.io);
  slice.workers = used(before.workers, after.workers);
  slice.machine = used(before.machine, after.machine);
  slice.database = used(before.database, after.database);
  slice.disk = used(before.disk, after.disk);
}

}  // namespace dayaq::cli::drill
