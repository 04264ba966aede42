// Drill files: YAML, strict; each error names its line.
#include "drill/scenario.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

namespace dayaq::cli::drill {
namespace {

constexpr std::size_t hours_max = 10'000, faults_max = 100;

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
    if (!(value >= least && value <= most)) {  // nor is it "not a number"
      return say(node_[name], fmt::format("`{}` must be from {} to {}", name, least, most));
    }
    out = T(value);
  }
  void take(const char* name, std::string& out) {
    const YAML::Node found = at(name);
    if (!found) return;
    if (!found.IsScalar()) return say(found, fmt::format("`{}` must be a text", name));
    out = found.Scalar();
  }
  void seconds(const char* name, Seconds& out, double most) {
    double value = 0;
    if (!number(name, value)) return;
    if (!(value >= 0 && value <= most)) {
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
      if (!one.first.IsScalar()) {
        say(one.first, "a field's name must be a word");
      } else if (!known_.contains(one.first.Scalar())) {
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
  if (curve.IsSequence() && curve.size() <= hours_max) {
    for (const YAML::Node& hour : curve) {
      const double value = hour.IsScalar() ? hour.as<double>(-1) : -1;
      if (!(value >= 0 && value < 1e12)) {
        return top.say(hour, "`curve` must be numbers that aren't negative");
      }
      out.curve.push_back(value);
      most = std::max(most, value);
    }
  }
  if (most <= 0) return top.say(curve, "`curve` must be a list with at least one hour that isn't empty");
  for (double& hour : out.curve) hour /= most;
}

constexpr std::pair<const char*, Fault::Whom> whoms[]{{"dayaqd", Fault::Whom::dayaqd},
                                                      {"database", Fault::Whom::database},
                                                      {"edge", Fault::Whom::edge},
                                                      {"disk", Fault::Whom::disk}};
constexpr std::pair<const char*, Fault::How> hows[]{
    {"kill", Fault::How::kill}, {"freeze", Fault::How::freeze}, {"full", Fault::How::full}};

/// `{at: 47, database: freeze, lasts: 3}`
void read_fault(const YAML::Node& one, Scenario& out, std::optional<Error>& error) {
  Reader fault(one, "a fault: ", error);
  Fault read;
  fault.seconds("at", read.at, out.duration.count());
  fault.seconds("lasts", read.lasts, 60);
  int named = 0;
  for (const auto& [name, whom] : whoms) {
    std::string how;
    fault.take(name, how);
    if (how.empty()) continue;
    ++named;
    read.whom = whom;
    const auto* const found = std::find_if(std::begin(hows), std::end(hows), [&](const auto& known) {
      return how == known.first && (known.second == Fault::How::full) == (whom == Fault::Whom::disk);
    });
    if (found == std::end(hows)) {
      return fault.say(one, whom == Fault::Whom::disk ? "`disk` must be full"
                                                      : fmt::format("`{}` must be kill or freeze", name));
    }
    read.how = found->second;
  }
  fault.nothing_else();
  if (named != 1)
    return fault.say(one, "name one of dayaqd, database, edge and disk, and what becomes of it");
  if (read.how != Fault::How::kill && read.lasts.count() <= 0) {
    return fault.say(one, "`lasts` must say for how many seconds");
  }
  if (read.whom == Fault::Whom::database && out.database != Scenario::Engine::postgresql) {
    return fault.say(one, "only a database of its own can be struck: say `database: postgresql`");
  }
  if (read.whom == Fault::Whom::disk && out.database != Scenario::Engine::sqlite) {
    return fault.say(one, "the disk fills up for dayaqd's own database: leave `database: postgresql` away");
  }
  out.faults.push_back(read);
}

void read_faults(Reader& top, Scenario& out, std::optional<Error>& error) {
  const YAML::Node faults = top.at("faults");
  if (!faults) return;
  if (!faults.IsSequence() || faults.size() > faults_max) {
    return top.say(faults, fmt::format("`faults` must be a list of at most {}", faults_max));
  }
  for (const YAML::Node& one : faults) read_fault(one, out, error);
  std::sort(out.faults.begin(), out.faults.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
}

/// Who comes to which door.
void read_doors(Reader& top, const YAML::Node& root, Scenario& out) {
  top.take("broken", out.broken, 0, 1);
  top.take("pages", out.pages, 0, 1);
  top.take("web", out.web, 0, 1);
  top.take("admitted_a_second", out.admitted_a_second, 1, 1'000'000);
  top.take("sms", out.sms, 0, 1);
  top.take("messages", out.messages);
  if (out.pages + out.web + out.sms > 1 + 1e-9) {
    top.say(root, "`pages`, `web` and `sms` are shares of all requests: together at most 1");
  }
  if (out.sms > 0 && out.messages.empty()) {
    top.say(root["sms"], "with `sms`, `messages` must name the file with what people write");
  }
}

void read_promise(Reader promise, Scenario::Promise& out) {
  double p99 = double(out.p99.count()), sms_p99 = double(out.sms_p99.count());
  promise.take("p99_ms", p99, 1, 60'000);
  promise.take("sms_p99_ms", sms_p99, 1, 600'000);
  out.p99 = std::chrono::milliseconds(std::int64_t(p99));
  out.sms_p99 = std::chrono::milliseconds(std::int64_t(sms_p99));
  promise.take("answered", out.answered, 0, 1);
  promise.take("right", out.right, 0, 1);
  promise.seconds("recovery_s", out.recovery, 600);
  promise.nothing_else();
}

void read_all(const YAML::Node& root, Scenario& out, std::optional<Error>& error) {
  Reader top(root, "", error);
  top.take("title", out.title);
  top.take("source", out.source);
  top.take("persons", out.persons, 100, 10'000'000);
  std::string engine = "sqlite";
  top.take("database", engine);
  if (engine != "sqlite" && engine != "postgresql")
    top.say(root["database"], "`database` must be sqlite or postgresql");
  out.database = engine == "postgresql" ? Scenario::Engine::postgresql : Scenario::Engine::sqlite;
  top.seconds("duration", out.duration, 86'400);
  if (out.duration.count() < 1) top.say(root["duration"], "`duration` must be at least 1 second");
  top.take("peak", out.peak, 1, 100'000);
  read_curve(top, out);
  read_doors(top, root, out);
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
  if (out.ramp.step.count() < 1) ramp.say(root["ramp"], "`step` must be at least 1 second");
  ramp.nothing_else();
  read_promise(Reader(top.at("promise"), "promise: ", error), out.promise);
  Reader real(top.at("real"), "real: ", error);
  real.take("messages", out.real.messages, 0, 1e12);
  real.take("people", out.real.people, 0, 1e10);
  real.take("a_day", out.real.a_day, 0, 1e12);
  real.take("peak_a_second", out.real.peak_a_second, 0, 1e7);
  real.nothing_else();
  top.nothing_else();
  if (out.title.empty()) top.say(root, "`title` is missing");
}

}  // namespace

std::string_view to_string(Fault::Whom whom) {
  return whoms[std::size_t(whom)].first;
}
std::string_view to_string(Fault::How how) {
  return hows[std::size_t(how)].first;
}
std::string words_of(const Fault& fault) {
  static constexpr std::string_view names[]{"dayaqd", "the database", "the edge", "the disk"};
  static constexpr std::string_view fates[]{"was killed", "stood still", "was full"};
  return fmt::format("{} {}", names[std::size_t(fault.whom)], fates[std::size_t(fault.how)]);
}

bool Scenario::strikes(Fault::Whom whom) const {
  return std::any_of(faults.begin(), faults.end(), [&](const Fault& one) { return one.whom == whom; });
}

double Scenario::expected_requests() const {
  return peak * duration.count() * std::accumulate(curve.begin(), curve.end(), 0.0) /
         std::max(1.0, double(curve.size()));
}

Result<Scenario> parse_scenario(std::string_view text, const std::string& name) {
  Scenario out;
  out.name = name;
  std::optional<Error> error;
  try {
    const YAML::Node root = YAML::Load(std::string(text));
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
