// A charging client's requests and an engine that grants what it is told to. For tests, fuzzers and benches.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "edge/diameter/credit_control.hpp"
#include "edge/diameter/dictionary.hpp"
#include "feed/block.hpp"

namespace dayaq::edge::diameter::testing_support {

inline constexpr ServiceIndex voice = 0, messages = 1, data = 2, education = 3;
inline constexpr SipKey feed_key{.k0 = 11, .k1 = 22};
inline constexpr std::string_view ps_context = "32251@3gpp.org", ims_context = "32260@3gpp.org",
                                  sms_context = "32274@3gpp.org";

inline SubscriptionKey key_of(std::string_view number) {
  return feed::pseudonym(feed_key, "mobile", number);
}

inline CreditControlOptions options(bool relays = false) {
  CreditControlOptions made;
  made.origin_host = "edge.test";
  made.origin_realm = "operator.test";
  made.feed_key = feed_key;
  made.relays = relays;
  made.kept_answer_bytes = 1u << 20;
  made.services = {
      {.context = "32260@3gpp.org",
       .rating_groups = {},
       .service_identifiers = {},
       .service = voice,
       .kind = feed::Benefit::voice},
      {.context = "32274@3gpp.org",
       .rating_groups = {},
       .service_identifiers = {},
       .service = messages,
       .kind = feed::Benefit::messages},
      {.context = "32251@3gpp.org", .rating_groups = {900}, .service_identifiers = {}, .service = education},
      {.context = "32251@3gpp.org", .rating_groups = {666}, .service_identifiers = {}, .service = no_service},
      {.context = "32251@3gpp.org", .rating_groups = {}, .service_identifiers = {7, 8}, .service = education},
      {.context = "32251@3gpp.org", .rating_groups = {}, .service_identifiers = {}, .service = data},
  };
  return made;
}

/// Grants by (subscription, service); counts like the real one: each (lease, number) once.
class FakeEngine : public Engine {
 public:
  struct Grant {
    std::uint64_t quota = 0;  ///< 0: unlimited
    std::uint64_t slice = 1000;
    bool keep_open = true;
    bool limited_after = false;
    MeasureNumber measure = 5;
  };
  struct Lease {
    LeaseView view;
    std::map<std::uint32_t, Verdict> answered;
  };

  std::map<std::pair<SubscriptionKey, ServiceIndex>, Grant> grants;
  std::map<SubscriptionKey, bool> known, deferring;
  std::map<std::pair<SubscriptionKey, ServiceIndex>, std::uint64_t> used;
  std::map<LeaseId, Lease> leases;
  std::vector<Ask> asks;
  bool refuses = false;
  std::uint64_t sequence = 0;

  std::mutex& mutex() override { return mutex_; }

  Verdict decide(const Ask& ask, Instant) override {
    asks.push_back(ask);
    if (refuses) return {.outcome = Outcome::refused};
    Lease& lease = leases[ask.lease];
    if (const auto before = lease.answered.find(ask.number); before != lease.answered.end()) {
      Verdict again = before->second;
      again.repeated = true;
      return again;
    }
    Verdict verdict = fresh(ask, lease);
    lease.answered[ask.number] = verdict;
    return verdict;
  }
  Verdict look(SubscriptionKey key, LineKind, ServiceIndex service, Instant) override {
    const auto found = grants.find({key, service});
    if (found == grants.end()) return {.outcome = Outcome::not_covered};
    return {.outcome = Outcome::granted, .measure = found->second.measure};
  }
  void prefetch(SubscriptionKey, Instant) override {}
  bool defers(SubscriptionKey key, LineKind, Instant) override { return deferring.contains(key); }
  std::optional<LeaseView> lease(const LeaseId& id) const override {
    const auto found = leases.find(id);
    if (found == leases.end()) return std::nullopt;
    return found->second.view;
  }
  void apply_sibling(std::uint64_t, const Record&, Instant) override {}
  void sibling_heard(std::uint8_t, Instant) override {}
  std::uint64_t sibling_sequence(std::uint8_t) const override { return 0; }
  void sibling_stands(std::uint8_t, std::uint64_t, std::uint64_t) override {}
  void tick(Instant) override {}
  void settled_through(std::uint64_t) override {}
  Counts counts() const override { return {}; }

 private:
  Verdict fresh(const Ask& ask, Lease& lease) {
    const auto found = grants.find({ask.key, ask.service});
    const bool ours = lease.view.measure != 0;
    if (found == grants.end() && !(ours && ask.phase == Phase::stop)) {
      if (ours) used[{ask.key, ask.service}] += ask.used;
      return {.outcome = known.contains(ask.key) ? Outcome::not_covered : Outcome::unknown};
    }
    std::uint64_t& total = used[{ask.key, ask.service}];
    total += ask.used;
    if (ask.phase == Phase::stop) {
      lease.view.ended = true;
      return {.outcome = Outcome::granted, .measure = lease.view.measure, .sequence = ++sequence};
    }
    const Grant& grant = found->second;
    std::uint64_t slice = ask.phase == Phase::event ? std::max<std::uint64_t>(ask.requested, 1) : grant.slice;
    bool last = false;
    if (grant.quota != 0) {
      const std::uint64_t left = grant.quota > total ? grant.quota - total : 0;
      if (left == 0) {
        return {.outcome = grant.limited_after ? Outcome::limited : Outcome::used_up,
                .measure = grant.measure};
      }
      last = slice >= left;
      slice = std::min(slice, left);
    }
    if (ask.phase == Phase::event) total += slice;
    lease.view.measure = grant.measure;
    lease.view.reserved = slice;
    return {.outcome = Outcome::granted,
            .slice = ask.wants_slice ? slice : 0,
            .unlimited = grant.quota == 0,
            .last = last,
            .limited_after = grant.limited_after,
            .keep_open = grant.keep_open,
            .validity = std::chrono::seconds(3600),
            .measure = grant.measure,
            .sequence = ++sequence};
  }
  std::mutex mutex_;
};

/// Builds requests, AVP by AVP.
struct Ccr {
  std::uint32_t type = 1, number = 0;
  std::string session = "pgw.test;1;1";
  std::string context{ps_context};
  std::string msisdn = "994501234567";
  bool many = true;
  std::uint8_t flags = 0xc0;
  std::uint32_t hop_by_hop = 7, end_to_end = 8;
  Bytes more;  ///< AVPs after those of every request

  Bytes build() const {
    Bytes out;
    Writer writer(out);
    writer.begin({.length = 0,
                  .flags = flags,
                  .command = 272,
                  .application = 4,
                  .hop_by_hop = hop_by_hop,
                  .end_to_end = end_to_end});
    writer.text(avp::session_id, session);
    writer.text(avp::origin_host, "pgw.test");
    writer.text(avp::origin_realm, "operator.test");
    writer.text(avp::destination_realm, "operator.test");
    writer.u32(avp::auth_application_id, 4);
    writer.text(avp::service_context_id, context);
    writer.u32(avp::cc_request_type, type);
    writer.u32(avp::cc_request_number, number);
    if (!msisdn.empty()) {
      const auto group = writer.group_begin(avp::subscription_id);
      writer.u32(avp::subscription_id_type, 0);
      writer.text(avp::subscription_id_data, msisdn);
      writer.group_end(group);
    }
    if (many) writer.u32(avp::multiple_services_indicator, 1);
    out.insert(out.end(), more.begin(), more.end());
    writer.end();
    return out;
  }

  struct Mscc {
    std::optional<std::uint32_t> group;
    std::optional<std::uint32_t> service = {};
    bool asks = true;
    std::optional<std::uint64_t> octets = {}, input = {}, output = {};
    std::optional<std::uint32_t> seconds = {};
  };
  Ccr& part(const Mscc& mscc) {
    Writer writer(more);
    const auto whole = writer.group_begin(avp::multiple_services_credit_control);
    if (mscc.asks) writer.group_end(writer.group_begin(avp::requested_service_unit));
    if (mscc.octets || mscc.input || mscc.output || mscc.seconds) {
      const auto used = writer.group_begin(avp::used_service_unit);
      if (mscc.seconds) writer.u32(avp::cc_time, *mscc.seconds);
      if (mscc.octets) writer.u64(avp::cc_total_octets, *mscc.octets);
      if (mscc.input) writer.u64(avp::cc_input_octets, *mscc.input);
      if (mscc.output) writer.u64(avp::cc_output_octets, *mscc.output);
      writer.group_end(used);
    }
    if (mscc.service) writer.u32(avp::service_identifier, *mscc.service);
    if (mscc.group) writer.u32(avp::rating_group, *mscc.group);
    writer.group_end(whole);
    return *this;
  }
};

/// An answer as text, one AVP after the other in order: "263=pgw.test;1;1 268=2001 456{431{421=1000} ...}".
inline std::string shown(BytesView avps) {
  std::string out;
  AvpReader reader(avps);
  Avp avp;
  while (reader.next(avp)) {
    if (!out.empty()) out += ' ';
    out += std::to_string(avp.code);
    if (grouped_avp(avp.code, avp.vendor)) {
      out += '{' + shown(avp.data) + '}';
    } else if (!avp.data.empty() &&
               std::ranges::all_of(avp.text(), [](char c) { return c >= ' ' && c <= '~'; })) {
      out += '=' + std::string(avp.text());
    } else if (const auto number = avp.u32()) {
      out += '=' + std::to_string(*number);
    } else if (const auto wide = avp.u64()) {
      out += '=' + std::to_string(*wide);
    } else {
      out += '=' + std::string(avp.text());
    }
  }
  return reader.failed() ? out + " BROKEN" : out;
}
/// Where DAYAQ_MESSAGES names a file, every message that a test shows is added to it, for another's eyes
/// (tests/diameter_tshark_test.py).
inline void note(BytesView message) {
  const char* name = std::getenv("DAYAQ_MESSAGES");
  if (name == nullptr) return;
  std::ofstream(name, std::ios::app) << to_hex(message) << '\n';
}
inline std::string shown_message(BytesView message) {
  note(message);
  if (!check_message(message)) return "BROKEN";
  return shown(message.subspan(header_bytes));
}

}  // namespace dayaq::edge::diameter::testing_support
