#include "network.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace dayaq::traffic {
namespace {

constexpr std::size_t running_max = 120;
constexpr int turns_a_second = 4;

}  // namespace

Mobile::Mobile(std::vector<std::string> numbers, std::uint64_t seed)
    : numbers_(std::move(numbers)), random_(seed) {}

void Mobile::begin(Gateway& gateway) {
  Running one;
  const auto kind = random_.below(10);
  one.session.msisdn = numbers_[random_.below(numbers_.size())];
  one.session.id = fmt::format("pgw.demo.example;{};{}", random_.next() & 0xffffffff, ++count_);
  if (kind < 5) {
    one.session.context = "32260@3gpp.org";
    one.session.octets = false;
  } else {
    one.session.context = "32251@3gpp.org";
    one.session.rating_group = kind < 8 ? 0 : std::uint32_t(101 + random_.below(2));
    one.rate = 20'000 + random_.below(400'000);
  }
  one.turns_left = int(20 + random_.below(60)) * turns_a_second;
  one.until_report = int(2 + random_.below(3)) * turns_a_second;
  gateway.report(one.session, Gateway::Step::initial, 0);
  running_.push_back(std::move(one));
}

void Mobile::turn(Gateway& gateway) {
  if (running_.size() < running_max) begin(gateway);
  for (Running& one : running_) {
    ++one.since_report;
    const bool last = --one.turns_left <= 0;
    if (!last && --one.until_report > 0) continue;
    const std::uint64_t used = one.session.octets ? one.rate * std::uint64_t(one.since_report)
                                                  : std::uint64_t(one.since_report / turns_a_second);
    gateway.report(one.session, last ? Gateway::Step::terminate : Gateway::Step::update, used);
    one.since_report = one.session.octets ? 0 : one.since_report % turns_a_second;
    one.until_report = 3 * turns_a_second;
  }
  std::erase_if(running_, [](const Running& one) { return one.turns_left <= 0; });
}

Viewers::Viewers(std::vector<std::string> lines, std::vector<std::string> prefixes, std::uint64_t seed)
    : lines_(std::move(lines)), prefixes_(std::move(prefixes)), random_(seed) {}

bool Viewers::turn(http::Client& edge, const std::string& line_header) {
  // A sixteenth of the viewers each turn: each asks every four seconds. Now and then somebody goes to bed and
  // somebody else gets up.
  constexpr std::size_t watching_max = 160;
  const std::size_t watching = std::min(lines_.size(), watching_max);
  if (++turn_ % (20 * turns_a_second) == 0 && lines_.size() > watching) {
    std::swap(lines_[random_.below(watching)], lines_[watching + random_.below(lines_.size() - watching)]);
  }
  for (std::size_t i = 0; i < watching / 16 + 1; ++i, ++at_) {
    const std::size_t viewer = at_ % watching;
    const std::string address = prefixes_[viewer % prefixes_.size()] + "1.ts";
    if (!edge.get("/tv/authorize", {{"X-Original-URI", address}, {line_header, lines_[viewer]}}))
      return false;
  }
  return true;
}

}  // namespace dayaq::traffic
