// Who looked at my data: every reading and every release of a claim, by whom, when and for what, each with
// what proves that it stands in the log.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>

#include "audit/leaf.hpp"
#include "base/bytes.hpp"
#include "identity/web/visit.hpp"

namespace dayaq::identity::web {
namespace {

using http::Response;

constexpr int page_size = 30;
constexpr std::string_view claims_action = "identity.claims";

struct Access {
  std::string action, actor, at, what, reason, client, claims;
};

std::string member(const boost::json::value& from, const char* name) {
  const auto* object = from.if_object();
  const auto* found = object == nullptr ? nullptr : object->if_contains(name);
  if (found == nullptr) return {};
  if (const auto* text = found->if_string()) return {text->data(), text->size()};
  return boost::json::serialize(*found);
}

boost::json::value parse(std::string_view text) {
  boost::json::error_code failed;
  boost::json::value value = boost::json::parse({text.data(), text.size()}, failed);
  return failed ? boost::json::value() : value;
}

/// An entry as its reader sees it. The leaf was written by this program's log, in its canonical form.
Access read_entry(const audit::Entry& entry) {
  const boost::json::value leaf = parse(entry.leaf);
  const boost::json::value personal = parse(entry.personal);
  const auto* object = leaf.if_object();
  const auto* data = object == nullptr ? nullptr : object->if_contains("data");
  const boost::json::value nothing;
  const boost::json::value& of = data == nullptr ? nothing : *data;
  return Access{.action = member(leaf, "action"),
                .actor = member(leaf, "actor"),
                .at = member(leaf, "at"),
                .what = member(of, "what"),
                .reason = member(personal, "reason"),
                .client = member(of, "client"),
                .claims = member(of, "claims")};
}

struct ActionWords {
  std::string_view action;
  std::string_view key;
};
constexpr std::array<ActionWords, 28> action_table{{
    {"audit.read", "my_access_audit"},
    {"person.record", "my_access_recorded"},
    {"person.correction_answered", "my_access_correction_answered"},
    {"person.correction_asked", "my_access_correction"},
    {"attestation.record", "my_access_attested"},
    {"attestation.revoke", "my_access_attestation_revoked"},
    {"subscription.record", "my_access_line"},
    {"subscription.end", "my_access_line_ended"},
    {"identity.activation", "my_access_activation"},
    {"identity.enrol", "my_access_enrolled"},
    {"identity.raise", "my_access_raised"},
    {"identity.recover", "my_access_recovered"},
    {"identity.recover.undo", "my_access_recovery_undone"},
    {"identity.authenticator.add", "my_access_auth_added"},
    {"identity.authenticator.rename", "my_access_auth_renamed"},
    {"identity.authenticator.remove", "my_access_auth_removed"},
    {"identity.authenticator.lost", "my_access_auth_lost"},
    {"identity.relation.record", "my_access_relation"},
    {"identity.relation.end", "my_access_relation_ended"},
    {"identity.act_for", "my_access_acted"},
    {"identity.suspend", "my_access_suspended"},
    {"identity.reactivate", "my_access_reactivated"},
    {"identity.close", "my_access_closed"},
    {"identity.reopen", "my_access_reactivated"},
    {"identity.sign_in", "my_access_signed_in"},
    {"identity.step_up", "my_access_signed_in"},
    {"identity.consent", "my_access_consent"},
    {"identity.consent_withdrawn", "my_access_withdrawn"},
}};

/// "Name, date of birth": of the claims' names, with single spaces between them.
std::string claim_names(const Visit& visit, std::string_view names) {
  std::string out;
  while (!names.empty()) {
    const auto end = std::min(names.find(' '), names.size());
    if (end > 0) out += (out.empty() ? "" : ", ") + claim_name(visit, names.substr(0, end));
    names.remove_prefix(std::min(end + 1, names.size()));
  }
  return out;
}

std::string client_words(const Visit& visit, const std::string& id) {
  const auto client = visit.web.provider.clients.find(id);
  return client ? client->name.in(visit.page.language()) : id;
}

/// What was done, in the reader's words; the action's own name for what has none here.
std::string action_words(const Visit& visit, const Access& access) {
  if (access.action == "person.read") {
    return visit.text(access.what == "grants" ? "my_access_read_grants" : "my_access_read");
  }
  if (access.action == claims_action) {
    return visit.fill("my_access_claims", {{"client", client_words(visit, access.client)},
                                           {"claims", claim_names(visit, access.claims)}});
  }
  const auto known = std::ranges::find(action_table, access.action, &ActionWords::action);
  return known == action_table.end() ? access.action : visit.text(known->key);
}

/// The reason that was stated; for a client, the purpose that it registered.
std::string reason_words(const Visit& visit, const Access& access) {
  if (!access.reason.empty()) return access.reason;
  const auto client = access.client.empty() ? nullptr : visit.web.provider.clients.find(access.client);
  const std::string purpose = client ? client->purpose.in(visit.page.language()) : std::string();
  return purpose.empty() ? "–" : purpose;
}

bool is_reading(const Access& access) {
  return access.action.ends_with(".read") || access.action == claims_action;
}

std::string who(const Visit& visit, const Access& access) {
  if (access.actor == "self") return visit.text("my_access_self");
  if (access.actor == "person") return visit.text("my_access_person");
  if (access.actor == "system") return visit.text("my_access_system");
  return visit.page.actor_name(access.actor);
}

Result<Response> list(Visit& visit) {
  const bool all = visit.query("all") == "1";
  const std::string from = visit.query("before");
  std::uint64_t before = visit.web.accounts.log.size();
  std::uint64_t wanted = 0;
  if (std::from_chars(from.data(), from.data() + from.size(), wanted).ec == std::errc()) {
    before = std::min(before, wanted);
  }
  portal::View& view = visit.my_content("my_access.html");
  view.show(all ? "ALL" : "READINGS");
  portal::View* table = nullptr;
  // Readings alone are shown at first; what lies between is passed over, a bounded number of times.
  int shown = 0;
  for (int rounds = 0; rounds < 20 && shown < page_size; ++rounds) {
    DAYAQ_TRY(const auto entries,
              visit.web.accounts.log.entries_about(visit.session->person, before, page_size));
    for (const audit::Entry& entry : entries) {
      before = entry.index;
      const Access access = read_entry(entry);
      if (!all && !is_reading(access)) continue;
      const auto at = parse_instant(access.at);
      if (table == nullptr) table = &view.add("SOME");
      portal::View& row = table->add("ENTRY");
      row.set("WHEN", at ? visit.page.format().date_time(*at) : access.at);
      row.set("WHO", who(visit, access));
      row.set("WHAT", action_words(visit, access));
      row.set("WHY", reason_words(visit, access));
      row.set("HREF", fmt::format("/my/access/{}", entry.index));
      row.set("NUMBER", fmt::format("{}", entry.index));
      if (++shown == page_size) break;
    }
    if (entries.size() < std::size_t(page_size)) {
      if (shown < page_size) before = 0;
      break;
    }
  }
  if (shown == 0) view.show("NOTHING");
  if (before > 0 && shown == page_size) {
    view.add("OLDER").set("HREF", fmt::format("/my/access?{}before={}", all ? "all=1&" : "", before));
  }
  return visit.html("my_nav_access");
}

/// One entry with its proof: what is hashed, and where the hashes and the signed checkpoint are.
Result<Response> proof(Visit& visit) {
  const std::string& text = visit.request.parameter("index");
  std::uint64_t index = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), index);
  const auto absent = [] {
    return fail(ErrorKind::not_found, "web.entry", "There is no such entry about you.");
  };
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return absent();
  const std::uint64_t size = visit.web.accounts.log.size();
  if (index >= size) return absent();
  DAYAQ_TRY(const audit::Entry entry, visit.web.accounts.log.entry(index));
  if (entry.subject != visit.session->person) return absent();
  const Access access = read_entry(entry);
  const auto at = parse_instant(access.at);
  portal::View& view = visit.my_content("my_access_entry.html");
  view.set("WHO", who(visit, access));
  view.set("WHAT", action_words(visit, access));
  view.set("WHEN", at ? visit.page.format().date_time(*at) : access.at);
  view.set("WHY", reason_words(visit, access));
  view.set("NUMBER", fmt::format("{}", index));
  view.set("LEAF", entry.leaf);
  view.set("SALT", to_base64(as_bytes(entry.salt)));
  view.set("PERSONAL", entry.personal.empty() ? "–" : entry.personal);
  view.set("PROOF", fmt::format("/v1/audit/proofs/inclusion?index={}&size={}", index, size));
  return visit.html("my_access_entry");
}

}  // namespace

void add_access_pages(http::Router& router, const Web& web) {
  add_page(router, web,
           {.pattern = "/my/access",
            .operation = "page_my_access",
            .summary = "Who looked at my data.",
            .signed_in = Assurance::low},
           list);
  add_page(router, web,
           {.pattern = "/my/access/{index}",
            .operation = "page_my_access_entry",
            .summary = "One reading with its proof.",
            .signed_in = Assurance::low},
           proof);
}

}  // namespace dayaq::identity::web
