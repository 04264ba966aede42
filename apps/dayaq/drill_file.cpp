// Drill files: YAML, strict; each error names its line.
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <set>

#include "drill.hpp"

namespace dayaq::cli::drill {
namespace {

/// Reads one mapping; remembers the first thing that is wrong.
class Reader {
 public:
  Reader(const YAML::Node& node, std::string where, std::optional<Error>& error)
      : node_(node), where_(std::move(where)), error_(error) {
    if (node_ && !node_.IsMap()) say(node_, "must be a mapping");
  }

  template <class T>
  void take(const char* name, T& out, double least, double most) {
    double value = 0;
    if (!number(name, value)) return;
    if (value < least || value > most) {
      return say(node_[name], fmt::format("`{}` must be from {} to {}", name, least, most));
    }
    out = T(value);
  }
  void take(const char* name, std::string& out) {
    if (const YAML::Node found = at(name); found && found.IsScalar()) out = found.Scalar();
  }
  void seconds(const char* name, Seconds& out, double most) {
    double value = 0;
    if (!number(name, value)) return;
    if (value < 0 || value > most) {
      return say(node_[name], fmt::format("`{}` must be from 0 to {} seconds", name, most));
    }
    out = Seconds(value);
  }
  [[nodiscard]] YAML::Node at(const char* name) {
    known_.insert(name);
    return node_ && node_.IsMap() ? node_[name] : YAML::Node(YAML::NodeType::Undefined);
  }
  void nothing_else() {
    if (!node_ || !node_.IsMap()) return;
    for (const auto& one : node_) {
      if (!known_.contains(one.first.Scalar())) {
        say(one.first, fmt::format("`{}` is unknown here", one.first.Scalar()));
      }
    }
  }
  void say(const YAML::Node& at, const std::string& what) {
    if (error_) return;
    error_.emplace();
    error_->kind = ErrorKind::invalid_input;
    error_->code = "drill.file";
    error_->public_text = fmt::format("Line {}: {}{}.", at.Mark().line + 1, where_, what);
  }

 private:
  bool number(const char* name, double& out) {
    const YAML::Node found = at(name);
    if (!found) return false;
    try {
      out = found.as<double>();
      return true;
    } catch (const YAML::Exception&) {
      say(found, fmt::format("`{}` must be a number", name));
      return false;
    }
  }
  YAML::Node node_;
  std::string where_;
  std::optional<Error>& error_;
  std::set<std::string> known_;
};

void read_curve(Reader& top, Scenario& out) {
  const YAML::Node curve = top.at("curve");
  if (!curve) {
    out.curve = {1};
    return;
  }
  double most = 0;
  if (curve.IsSequence()) {
    for (const YAML::Node& hour : curve) {
      const double value = hour.IsScalar() ? hour.as<double>(-1) : -1;
      if (value < 0) return top.say(hour, "`curve` must be numbers that aren't negative");
      out.curve.push_back(value);
      most = std::max(most, value);
    }
  }
  if (most <= 0) return top.say(curve, "`curve` must be a list with at least one hour that isn't empty");
  for (double& hour : out.curve) hour /= most;
}

void read_faults(Reader& top, Scenario& out, std::optional<Error>& error) {
  const YAML::Node faults = top.at("faults");
  if (!faults) return;
  for (const YAML::Node& one : faults) {
    Reader fault(one, "a fault: ", error);
    Scenario::Fault read;
    fault.seconds("at", read.at, out.duration.count());
    std::string what;
    fault.take("what", what);
    fault.seconds("lasts", read.lasts, 60);
    fault.nothing_else();
    if (what == "kill") {
      read.what = Scenario::Fault::What::kill;
    } else if (what == "freeze") {
      read.what = Scenario::Fault::What::freeze;
    } else {
      fault.say(one, "`what` must be kill or freeze");
    }
    out.faults.push_back(read);
  }
  std::sort(out.faults.begin(), out.faults.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
}

void read_all(const YAML::Node& root, Scenario& out, std::optional<Error>& error) {
  Reader top(root, "", error);
  top.take("title", out.title);
  top.take("source", out.source);
  top.take("persons", out.persons, 100, 10'000'000);
  top.seconds("duration", out.duration, 86'400);
  top.take("peak", out.peak, 1, 100'000);
  read_curve(top, out);
  top.take("broken", out.broken, 0, 1);
  top.take("pages", out.pages, 0, 1);
  Reader retries(top.at("retries"), "retries: ", error);
  retries.take("share", out.retries.share, 0, 1);
  retries.seconds("after", out.retries.after, 600);
  retries.take("at_most", out.retries.at_most, 0, 100);
  retries.nothing_else();
  read_faults(top, out, error);
  Reader ramp(top.at("ramp"), "ramp: ", error);
  ramp.take("from", out.ramp.from, 1, 100'000);
  ramp.take("factor", out.ramp.factor, 1.05, 10);
  ramp.take("until", out.ramp.until, 1, 1'000'000);
  ramp.seconds("step", out.ramp.step, 600);
  ramp.nothing_else();
  Reader promise(top.at("promise"), "promise: ", error);
  double p99 = double(out.p99.count());
  promise.take("p99_ms", p99, 1, 60'000);
  out.p99 = std::chrono::milliseconds(std::int64_t(p99));
  promise.take("answered", out.answered, 0, 1);
  promise.nothing_else();
  Reader real(top.at("real"), "real: ", error);
  real.take("messages", out.real_messages, 0, 1e12);
  real.take("people", out.real_people, 0, 1e10);
  real.take("peak_a_second", out.real_peak_a_second, 0, 1e7);
  real.nothing_else();
  top.nothing_else();
  if (out.title.empty()) top.say(root, "`title` is missing");
}

}  // namespace

Result<Scenario> parse_scenario(const std::string& text, const std::string& name) {
  Scenario out;
  out.name = name;
  std::optional<Error> error;
  try {
    const YAML::Node root = YAML::Load(text);
    if (!root.IsMap()) {
      return fail(ErrorKind::invalid_input, "drill.file", "Line 1: a drill file is a mapping with `title`.");
    }
    read_all(root, out, error);
  } catch (const YAML::Exception& bad) {
    return fail(ErrorKind::invalid_input, "drill.file",
                fmt::format("Line {}: this isn't YAML: {}.", bad.mark.line + 1, bad.msg));
  }
  if (error) return std::unexpected(*std::move(error));
  return out;
}

}  // namespace dayaq::cli::drill
