#include "audit/api.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "audit/leaf.hpp"
#include "base/text.hpp"

namespace dayaq::audit {
namespace {

using http::Method;
using http::Request;
using http::Response;
using http::Route;
using http::Run;
using http::Scope;

constexpr std::uint64_t entries_max = 1000;
constexpr std::uint64_t entries_default = 100;
constexpr std::uint64_t personal_entries_max = 100;  // each may cost an entry of its own
constexpr std::size_t reason_max = 200;              // bytes

constexpr const char* entry_schema = R"({
  "type": "object",
  "description": "One entry of the audit log. The format and how to verify it: docs/audit.md.",
  "required": ["index", "leaf", "entry", "personal_part"],
  "properties": {
    "index": {"type": "integer", "minimum": 0},
    "leaf": {"type": "string", "description": "The exact text whose hash is in the tree: canonical JSON."},
    "entry": {
      "type": "object",
      "description": "The leaf, parsed.",
      "required": ["action", "actor", "at", "data", "v"],
      "properties": {
        "action": {"type": "string"},
        "actor": {"type": "string", "description": "org:CODE/key:ID, cli or system."},
        "at": {"type": "string", "format": "date-time"},
        "commitment": {"type": "string", "contentEncoding": "base64"},
        "data": {"type": "object"},
        "v": {"type": "integer", "const": 1}
      }
    },
    "personal_part": {"type": "string", "enum": ["none", "held", "erased"]},
    "opening": {
      "type": "object",
      "description": "With personal=true: what the commitment opens to.",
      "required": ["salt"],
      "properties": {
        "person": {"type": "string"},
        "personal": {"type": "string", "description": "The exact text that was committed to."},
        "salt": {"type": "string", "contentEncoding": "base64"}
      }
    }
  }
})";

constexpr const char* entries_schema = R"({
  "type": "object",
  "required": ["entries", "size"],
  "properties": {
    "entries": {"type": "array", "items": {"$ref": "#/components/schemas/AuditEntry"}},
    "size": {"type": "integer", "minimum": 0, "description": "Entries in the log."},
    "next": {"type": "integer", "description": "The `from` of the next page; absent at the end."}
  }
})";

constexpr const char* inclusion_schema = R"({
  "type": "object",
  "description": "An inclusion proof, RFC 6962 section 2.1.1.",
  "required": ["index", "size", "proof"],
  "properties": {
    "index": {"type": "integer", "minimum": 0},
    "size": {"type": "integer", "minimum": 1},
    "proof": {"type": "array", "items": {"type": "string", "contentEncoding": "base64"}}
  }
})";

constexpr const char* consistency_schema = R"({
  "type": "object",
  "description": "A consistency proof, RFC 6962 section 2.1.2.",
  "required": ["from", "to", "proof"],
  "properties": {
    "from": {"type": "integer", "minimum": 1},
    "to": {"type": "integer", "minimum": 1},
    "proof": {"type": "array", "items": {"type": "string", "contentEncoding": "base64"}}
  }
})";

std::unexpected<Error> bad_query(std::string_view name, std::string sentence) {
  return fail_field("audit.query", std::string(name), std::move(sentence));
}

Result<std::uint64_t> parse_number(std::string_view name, std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() ||
      number > crypto::tree_size_max) {
    return bad_query(name, fmt::format("{} must be a whole number, like 1024.", name));
  }
  return number;
}

Result<std::uint64_t> number(const Request& request, std::string_view name,
                             std::optional<std::uint64_t> otherwise) {
  const auto text = request.query_value(name);
  if (text) return parse_number(name, *text);
  if (otherwise) return *otherwise;
  return bad_query(name, fmt::format("Give {}, a whole number.", name));
}

// The reason for which personal parts are asked; nullopt if they aren't.
Result<std::optional<std::string>> personal_reason(const Request& request) {
  const auto personal = request.query_value("personal");
  if (!personal || *personal == "false") return std::nullopt;
  if (*personal != "true") return bad_query("personal", "personal must be true or false.");
  auto reason = request.query_value("reason");
  if (!reason || reason->size() < 3 || reason->size() > reason_max || !is_plain_line(*reason)) {
    return bad_query("reason",
                     "Say why personal data is needed, in a reason of 3 to 200 bytes: the person sees it.");
  }
  return std::optional<std::string>(std::move(reason));
}

void append_entry(std::string& out, const Entry& entry, bool opened) {
  const auto leaf = parse_leaf(entry.leaf);
  const bool committed = leaf && !leaf->commitment.empty();
  out += fmt::format(R"({{"index":{},"leaf":)", entry.index);
  append_json_string(out, entry.leaf);
  out += R"(,"entry":)";
  out += entry.leaf;
  out += fmt::format(R"(,"personal_part":"{}")", !committed           ? "none"
                                                 : entry.salt.empty() ? "erased"
                                                                      : "held");
  if (opened && !entry.salt.empty()) {
    out += R"(,"opening":{)";
    if (entry.subject) out += fmt::format(R"("person":"{}",)", *entry.subject);
    if (!entry.personal.empty()) {
      out += R"("personal":)";
      append_json_string(out, entry.personal);
      out += ',';
    }
    out += fmt::format(R"("salt":"{}"}})", to_base64(as_bytes(entry.salt)));
  }
  out += '}';
}

// "audit.read": who has seen which entries, one for each person they are about.
Result<void> enter_reading(Log& log, store::Database& db, const Request& request, const std::string& reason,
                           const std::vector<Entry>& entries) {
  std::map<std::optional<PersonId>, std::string> indexes;
  for (const Entry& entry : entries) {
    if (entry.salt.empty()) continue;
    std::string& list = indexes[entry.subject];
    list += fmt::format("{}{}", list.empty() ? "" : ",", entry.index);
  }
  if (indexes.empty()) return {};
  std::string why = R"({"reason":)";
  append_json_string(why, reason);
  why += '}';
  return db.write([&](store::Session& session) -> Result<void> {
    for (const auto& [subject, list] : indexes) {
      DAYAQ_TRY_OK(log.append(session, {.action = "audit.read",
                                        .actor = request.principal.actor(),
                                        .subject = subject,
                                        .data = fmt::format(R"({{"entries":[{}]}})", list),
                                        .personal = why}));
    }
    return {};
  });
}

Result<Response> get_entry(Log& log, store::Database& db, const Request& request) {
  DAYAQ_TRY(const std::uint64_t index, parse_number("index", request.parameter("index")));
  DAYAQ_TRY(const auto reason, personal_reason(request));
  DAYAQ_TRY(Entry entry, log.entry(index));
  const std::vector<Entry> entries{std::move(entry)};
  if (reason) DAYAQ_TRY_OK(enter_reading(log, db, request, *reason, entries));
  std::string body;
  append_entry(body, entries.front(), reason.has_value());
  return Response::json(std::move(body));
}

Result<Response> get_entries(Log& log, store::Database& db, const Request& request) {
  DAYAQ_TRY(const auto reason, personal_reason(request));
  const std::uint64_t limit_max = reason ? personal_entries_max : entries_max;
  DAYAQ_TRY(const std::uint64_t from, number(request, "from", 0));
  DAYAQ_TRY(const std::uint64_t limit, number(request, "limit", entries_default));
  if (limit < 1 || limit > limit_max)
    return bad_query("limit", fmt::format("limit must be 1 to {}.", limit_max));
  const std::uint64_t size = log.size();
  const std::uint64_t until = std::min(size, from + limit);
  std::vector<Entry> entries;
  DAYAQ_TRY_OK(log.each(from, until, [&](const Entry& entry) -> Result<bool> {
    entries.push_back(entry);
    return true;
  }));
  if (reason) DAYAQ_TRY_OK(enter_reading(log, db, request, *reason, entries));
  std::string body = R"({"entries":[)";
  for (const Entry& entry : entries) {
    if (entry.index != from) body += ',';
    append_entry(body, entry, reason.has_value());
  }
  body += fmt::format(R"(],"size":{})", size);
  if (until < size && from < until) body += fmt::format(R"(,"next":{})", until);
  body += '}';
  return Response::json(std::move(body));
}

/// Whether an entry says that somebody saw something of a person.
bool is_reading(std::string_view action) {
  return action.ends_with(".read") || action.find("claim") != std::string_view::npos;
}

/// Who looked at the data of the person who let this client ask: by whom and when. Not what for: a reason may
/// tell what no client is told.
Result<Response> get_my_access(Log& log, store::Database& db, const Request& request) {
  const http::Principal& caller = request.principal;
  const PersonId person = caller.acting_for == PersonId() ? caller.person : caller.acting_for;
  if (person == PersonId()) {
    return fail(ErrorKind::forbidden, "registry.no_person", "This needs a token that a person let you have.");
  }
  DAYAQ_TRY(const std::uint64_t before, number(request, "before", crypto::tree_size_max));
  constexpr int page = 100;
  DAYAQ_TRY(const auto entries, log.entries_about(person, before, page));
  DAYAQ_TRY_OK(db.write([&](store::Session& session) {
    return log.append(session, {.action = "person.read",
                                .actor = caller.actor(),
                                .subject = person,
                                .data = R"({"what":"access"})",
                                .personal = R"({"reason":"consent: me:read"})"});
  }));
  std::string body = R"({"entries":[)";
  const char* comma = "";
  for (const Entry& entry : entries) {
    const auto leaf = parse_leaf(entry.leaf);
    if (!leaf || !is_reading(leaf->action)) continue;
    body += fmt::format(R"({}{{"index":{},"at":"{}","action":"{}","actor":"{}"}})", std::exchange(comma, ","),
                        entry.index, leaf->at, leaf->action, leaf->actor);
  }
  body += ']';
  if (entries.size() == page) body += fmt::format(R"(,"next":{})", entries.back().index);
  return Response::json(body + "}");
}

// A proof between two given sizes never changes.
Response proof_response(std::string head, const std::vector<Hash>& proof) {
  head += R"(,"proof":[)";
  for (std::size_t i = 0; i < proof.size(); ++i)
    head += fmt::format(R"({}"{}")", i == 0 ? "" : ",", to_base64(proof[i]));
  Response response = Response::json(head + "]}");
  response.headers.emplace_back("Cache-Control", "public, max-age=31536000, immutable");
  return response;
}

Result<Response> get_inclusion(const Log& log, const Request& request) {
  DAYAQ_TRY(const std::uint64_t index, number(request, "index", {}));
  DAYAQ_TRY(const std::uint64_t size, number(request, "size", {}));
  DAYAQ_TRY(const auto proof, log.inclusion_proof(index, size));
  return proof_response(fmt::format(R"({{"index":{},"size":{})", index, size), proof);
}

Result<Response> get_consistency(const Log& log, const Request& request) {
  DAYAQ_TRY(const std::uint64_t from, number(request, "from", {}));
  DAYAQ_TRY(const std::uint64_t to, number(request, "to", {}));
  DAYAQ_TRY(const auto proof, log.consistency_proof(from, to));
  return proof_response(fmt::format(R"({{"from":{},"to":{})", from, to), proof);
}

http::Handler answering(std::function<Result<Response>(const Request&)> handle) {
  return [handle = std::move(handle)](const Request& request) {
    auto response = handle(request);
    return response ? std::move(*response) : http::problem(response.error());
  };
}

Route route(std::string pattern, Scope scope, std::string operation, std::string summary, std::string schema,
            std::vector<std::pair<std::string, std::string>> query = {}) {
  return {.method = Method::get,
          .pattern = std::move(pattern),
          .scope = scope,
          .open = scope == Scope::none ? "anybody may verify the log" : "",
          .run = Run::worker,
          .operation = std::move(operation),
          .summary = std::move(summary),
          .request_schema = "",
          .response_schema = std::move(schema),
          .tag = "audit",
          .query_parameters = std::move(query)};
}

}  // namespace

void add_routes(http::Router& router, Log& log, store::Database& db) {
  router.add_schema("MyAccess", R"({"type": "object", "required": ["entries"], "properties": {
    "entries": {"type": "array", "items": {"type": "object"}},
    "next": {"type": "integer", "description": "The `before` of the next page; absent at the end."}}})");
  router.add_schema("AuditEntry", entry_schema);
  router.add_schema("AuditEntries", entries_schema);
  router.add_schema("AuditInclusionProof", inclusion_schema);
  router.add_schema("AuditConsistencyProof", consistency_schema);

  Route checkpoint = route("/v1/audit/checkpoint", Scope::none, "get_audit_checkpoint",
                           "The signed checkpoint of the audit log, as text (c2sp.org/tlog-checkpoint).", "");
  checkpoint.run = Run::inline_;
  router.add(std::move(checkpoint), [&log](const Request&) {
    Response response = Response::text(log.checkpoint());
    response.headers.emplace_back("Cache-Control", "no-cache");
    return response;
  });
  Route key = route(
      "/v1/audit/key", Scope::none, "get_audit_key",
      "The key that verifies checkpoints, as text (name+id+key). Compare it with a copy from elsewhere.", "");
  key.run = Run::inline_;
  router.add(std::move(key),
             [&log](const Request&) { return Response::text(log.verifier_key().to_text() + "\n"); });

  router.add(route("/v1/audit/proofs/inclusion", Scope::none, "get_audit_inclusion_proof",
                   "Proves that an entry is in the log of a size.", "AuditInclusionProof",
                   {{"index", "The entry's number."}, {"size", "The size of a checkpoint, above index."}}),
             answering([&log](const Request& request) { return get_inclusion(log, request); }));
  router.add(route("/v1/audit/proofs/consistency", Scope::none, "get_audit_consistency_proof",
                   "Proves that the log of one size goes on in that of another.", "AuditConsistencyProof",
                   {{"from", "The smaller size, at least 1."}, {"to", "The larger size."}}),
             answering([&log](const Request& request) { return get_consistency(log, request); }));

  router.add(route("/v1/me/access", Scope::me_read, "get_my_access",
                   "Who looked at the data of the person who let this client ask; put on record too.",
                   "MyAccess", {{"before", "Entries before this number; the newest if absent."}}),
             answering([&log, &db](const Request& request) { return get_my_access(log, db, request); }));
  const std::vector<std::pair<std::string, std::string>> personal{
      {"personal", "true to get the personal parts; the reading is then entered in the log."},
      {"reason", "Why personal data is needed, with personal=true; the person sees it."}};
  router.add(route("/v1/audit/entries/{index}", Scope::audit_read, "get_audit_entry",
                   "One entry of the audit log.", "AuditEntry", personal),
             answering([&log, &db](const Request& request) { return get_entry(log, db, request); }));
  auto list = personal;
  list.insert(list.begin(), {{"from", "The first entry's number; 0 if absent."},
                             {"limit", "1 to 1000, or 100 with personal=true; 100 if absent."}});
  router.add(route("/v1/audit/entries", Scope::audit_read, "list_audit_entries",
                   "Entries of the audit log in order.", "AuditEntries", list),
             answering([&log, &db](const Request& request) { return get_entries(log, db, request); }));
}

}  // namespace dayaq::audit
