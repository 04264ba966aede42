// What follows from the figures: sums, promises, and what breaks first.
#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "drill/drill.hpp"

namespace dayaq::cli::drill {

void Tally::add(const Tally& other) {
  offered += other.offered;
  answered += other.answered;
  waiting += other.waiting;
  refused += other.refused;
  failed += other.failed;
  retried += other.retried;
  wrong += other.wrong;
}

double Tally::share_answered() const {
  return offered == 0 ? 1 : double(answered + waiting) / double(offered);
}

bool Outcome::ready() const {
  return std::all_of(verdicts.begin(), verdicts.end(), [](const auto& one) { return one.second; });
}

double Outcome::recovered_s() const {
  double out = 0;
  for (const Struck& one : faults) {
    out = std::max(out, one.served ? *one.served - one.ended : scenario.duration.count() - one.ended);
  }
  return out;
}

void name_what_breaks(Outcome& outcome) {
  if (outcome.steps.empty()) return;
  const Step& last = outcome.steps.back();
  if (last.held) {
    outcome.breaks_first = "nothing that was tried";
    outcome.why = fmt::format("{:.0f} requests a second still held; the ramp ended there.", last.rate);
    return;
  }
  const double cores = std::max(1u, std::thread::hardware_concurrency());
  const Slice& slice = last.slice;
  const double ours = slice.writer + slice.io + slice.workers + slice.database;
  const double turned_away = double(slice.all.refused) / std::max(1.0, double(slice.all.offered));
  std::string why;
  if (slice.writer >= 0.85) {
    outcome.breaks_first = "the writer";
    why = fmt::format("The one thread that writes used {:.0f} % of a core.", slice.writer * 100);
  } else if (slice.io >= 0.85) {
    outcome.breaks_first = "the thread for connections";
    why = fmt::format("It used {:.0f} % of a core; --io-threads gives it company.", slice.io * 100);
  } else if (slice.machine >= 0.9 * cores) {
    outcome.breaks_first = "the machine's processors";
    why = fmt::format(
        "{:.1f} of {:.0f} cores were in use: {:.1f} by the system (writer {:.2f}, connections {:.2f}, "
        "workers {:.2f}, "
        "PostgreSQL {:.2f}), the rest by the crowd and what else runs here. More cores, or a crowd on "
        "another machine, "
        "would show more.",
        slice.machine, cores, ours, slice.writer, slice.io, slice.workers, slice.database);
  } else if (slice.disk >= 0.4) {
    outcome.breaks_first = "the disk";
    why = fmt::format("In {:.0f} % of the time something waited for it, and no thread was full.",
                      slice.disk * 100);
  } else if (turned_away > 0.01 || slice.queue >= 100) {
    outcome.breaks_first = "admission: the queue before the workers";
    why = fmt::format(
        "{:.1f} % were turned away with a time to come again, {:.0f} requests waited for a worker.",
        100 * turned_away, slice.queue);
  } else {
    outcome.breaks_first = "waiting";
    why = fmt::format(
        "No thread was full (writer {:.2f}, connections {:.2f}, workers {:.2f} cores): requests waited for "
        "each other, or for the crowd.",
        slice.writer, slice.io, slice.workers);
  }
  outcome.why = fmt::format("At {:.0f} a second it broke: {}. {}", last.rate, last.because, why);
}

namespace {

void judge_play(Outcome& outcome, std::vector<std::pair<std::string, bool>>& verdicts) {
  const Scenario::Promise& promise = outcome.scenario.promise;
  Tally quiet;
  for (const Slice& slice : outcome.seconds) {
    outcome.total.all.add(slice.all);
    for (std::size_t door = 0; door < doors; ++door) outcome.total.by_door[door].add(slice.by_door[door]);
    if (!slice.fault.empty()) continue;
    quiet.add(slice.all);
    for (std::size_t door = 0; door < doors; ++door) {
      double& most = Door(door) == Door::sms ? outcome.quiet_sms_p99_ms : outcome.quiet_p99_ms;
      most = std::max(most, slice.by_door[door].p99_ms);
    }
  }
  outcome.quiet_answered = quiet.offered == 0 ? 0 : quiet.share_answered();
  verdicts.emplace_back(
      fmt::format("Outside of faults at least {:.4g} % were answered", promise.answered * 100),
      outcome.quiet_answered >= promise.answered);
  verdicts.emplace_back(fmt::format("Outside of faults 99 of 100 were answered within {} ms, in each second",
                                    promise.p99.count()),
                        outcome.quiet_p99_ms <= double(promise.p99.count()));
  if (outcome.scenario.sms > 0) {
    verdicts.emplace_back(
        fmt::format("Outside of faults 99 of 100 messages had their answer within {} ms, in each second",
                    promise.sms_p99.count()),
        outcome.quiet_sms_p99_ms <= double(promise.sms_p99.count()));
  }
}

void judge_messages(const Outcome& outcome, std::vector<std::pair<std::string, bool>>& verdicts) {
  const MessagesOutcome& messages = outcome.messages;
  verdicts.emplace_back("Every message had an answer",
                        messages.sent > 0 && messages.unanswered == 0 && messages.kept_unanswered == 0);
  verdicts.emplace_back(
      fmt::format("At least {:.4g} % of messages were answered rightly",
                  outcome.scenario.promise.right * 100),
      double(messages.right + messages.careful) >= outcome.scenario.promise.right * double(messages.sent));
  verdicts.emplace_back("No permit was given by message to whom none was due", messages.granted_wrongly == 0);
  verdicts.emplace_back("An answer came twice only where the database says that it may have",
                        messages.answers_twice <= messages.marked_twice);
}

}  // namespace

void sum_up(Outcome& outcome) {
  auto& verdicts = outcome.verdicts;
  verdicts.emplace_back("Every receipt and every permit that was told has its record",
                        outcome.lost == 0 && outcome.receipts + outcome.messages.permits > 0);
  verdicts.emplace_back("Nothing was recorded twice", outcome.doubled == 0);
  if (outcome.scenario.sms > 0) judge_messages(outcome, verdicts);
  verdicts.emplace_back("No broken application was taken for a good one", outcome.wrongly_taken == 0);
  if (outcome.web.told_to_wait > 0) {
    verdicts.emplace_back("Nobody who waited at the web's door lost their place by trying again",
                          outcome.web.places_changed == 0);
  }
  judge_play(outcome, verdicts);
  verdicts.emplace_back("No answer was other than it should be", outcome.total.all.wrong == 0);
  if (!outcome.faults.empty()) {
    verdicts.emplace_back(fmt::format("Within {:.3g} s after each fault somebody was served again",
                                      outcome.scenario.promise.recovery.count()),
                          outcome.recovered_s() <= outcome.scenario.promise.recovery.count());
  }
  if (outcome.edge.there) {
    verdicts.emplace_back("The edge never answered otherwise than before",
                          outcome.edge.answered > 0 && outcome.edge.differed == 0);
  }
  verdicts.emplace_back("The audit log verifies", outcome.audit_verified);
}

}  // namespace dayaq::cli::drill
