// The readiness report for programs.
#include <boost/json.hpp>

#include "drill/drill.hpp"

namespace dayaq::cli::drill {
namespace {

namespace json = boost::json;

json::object tally_json(const Tally& tally) {
  return {{"offered", tally.offered}, {"answered", tally.answered}, {"waiting", tally.waiting},
          {"refused", tally.refused}, {"failed", tally.failed},     {"retried", tally.retried},
          {"wrong", tally.wrong},     {"p50_ms", tally.p50_ms},     {"p99_ms", tally.p99_ms}};
}

json::object slice_json(const Slice& slice) {
  json::object out = tally_json(slice.all);
  out["at"] = slice.at;
  out["writer"] = slice.writer;
  out["connections"] = slice.io;
  out["workers"] = slice.workers;
  out["postgresql"] = slice.database;
  out["machine"] = slice.machine;
  out["disk"] = slice.disk;
  out["queue"] = slice.queue;
  out["fault"] = slice.fault;
  json::object by_door;
  for (std::size_t door = 0; door < doors; ++door) {
    if (slice.by_door[door].offered > 0) by_door[door_names[door]] = tally_json(slice.by_door[door]);
  }
  out["doors"] = std::move(by_door);
  return out;
}

json::object messages_json(const MessagesOutcome& of) {
  json::object kinds;
  for (const auto& [name, kind] : of.kinds) {
    kinds[name] = json::object{
        {"messages", kind.messages}, {"right", kind.right}, {"careful", kind.careful}, {"wrong", kind.wrong}};
  }
  json::array examples;
  for (const std::string& one : of.examples) examples.push_back(json::string(one));
  return {{"sent", of.sent},
          {"again", of.again},
          {"redelivered", of.redelivered},
          {"answered", of.answered},
          {"right", of.right},
          {"careful", of.careful},
          {"wrong", of.wrong},
          {"unanswered", of.unanswered},
          {"granted_wrongly", of.granted_wrongly},
          {"answers", of.answers},
          {"answers_twice", of.answers_twice},
          {"marked_twice", of.marked_twice},
          {"kept_unanswered", of.kept_unanswered},
          {"permits", of.permits},
          {"permits_lost", of.permits_lost},
          {"p50_s", of.p50_s},
          {"p99_s", of.p99_s},
          {"within_minute", of.within_minute},
          {"phrases", of.phrases},
          {"kinds", std::move(kinds)},
          {"wrong_examples", std::move(examples)}};
}

json::object struck_json(const Struck& one) {
  json::object out{{"what", one.what},
                   {"whom", to_string(one.fault.whom)},
                   {"how", to_string(one.fault.how)},
                   {"at", one.at},
                   {"ended", one.ended},
                   {"served", nullptr},
                   {"recovered_s", nullptr},
                   {"during", tally_json(one.during)}};
  if (one.served) {
    out["served"] = *one.served;
    out["recovered_s"] = *one.served - one.ended;
  }
  if (one.edge_asked > 0) {
    out["edge_asked"] = one.edge_asked;
    out["edge_answered"] = one.edge_answered;
    out["edge_lag_s"] = one.edge_lag_s;
  }
  return out;
}

}  // namespace

std::string to_json(const Outcome& outcome) {
  json::object out{{"drill", outcome.scenario.name},
                   {"title", outcome.scenario.title},
                   {"ready", outcome.ready()},
                   {"took_s", outcome.took_s},
                   {"persons", outcome.scenario.persons},
                   {"database", outcome.database},
                   {"machine", outcome.machine},
                   {"receipts", outcome.receipts},
                   {"lost", outcome.lost},
                   {"doubled", outcome.doubled},
                   {"recorded_without_receipt", outcome.without_receipt},
                   {"wrongly_taken", outcome.wrongly_taken},
                   {"wrong_example", outcome.wrong_example},
                   {"audit_verified", outcome.audit_verified},
                   {"quiet_p99_ms", outcome.quiet_p99_ms},
                   {"quiet_sms_p99_ms", outcome.quiet_sms_p99_ms},
                   {"quiet_answered", outcome.quiet_answered},
                   {"recovered_s", outcome.recovered_s()},
                   {"held_to", outcome.held_to},
                   {"breaks_first", outcome.breaks_first},
                   {"why", outcome.why},
                   {"total", slice_json(outcome.total)},
                   {"messages", messages_json(outcome.messages)},
                   {"web", json::object{{"visitors", outcome.web.visitors},
                                        {"admitted", outcome.web.admitted},
                                        {"told_to_wait", outcome.web.told_to_wait},
                                        {"places_changed", outcome.web.places_changed},
                                        {"longest_wait_s", outcome.web.longest_wait_s}}}};
  if (outcome.edge.there) {
    out["edge"] = json::object{{"asked", outcome.edge.asked},
                               {"answered", outcome.edge.answered},
                               {"differed", outcome.edge.differed},
                               {"changes", outcome.edge.changes},
                               {"lag_most_s", outcome.edge.lag_most_s},
                               {"lag_end_s", outcome.edge.lag_end_s},
                               {"lag_s", json::value_from(outcome.edge.lag_s)},
                               {"answered_share", json::value_from(outcome.edge.answered_share)}};
  }
  json::array verdicts, seconds, steps, faults;
  for (const auto& [sentence, holds] : outcome.verdicts) {
    verdicts.push_back(json::object{{"what", sentence}, {"holds", holds}});
  }
  for (const Slice& slice : outcome.seconds) seconds.push_back(slice_json(slice));
  for (const Struck& one : outcome.faults) faults.push_back(struck_json(one));
  for (const Step& step : outcome.steps) {
    json::object one = slice_json(step.slice);
    one["rate"] = step.rate;
    one["held"] = step.held;
    one["because"] = step.because;
    steps.push_back(std::move(one));
  }
  out["verdicts"] = std::move(verdicts);
  out["faults"] = std::move(faults);
  out["seconds"] = std::move(seconds);
  out["ramp"] = std::move(steps);
  return json::serialize(out) + "\n";
}

}  // namespace dayaq::cli::drill
