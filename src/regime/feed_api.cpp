// The feed's routes. Readers of the end are answered from memory by the hub; who lags further reads the
// store.
#include <fmt/format.h>

#include <bit>
#include <charconv>

#include "base/log.hpp"
#include "http/encoding.hpp"
#include "regime/edges_json.hpp"
#include "regime/file.hpp"
#include "regime/grants_api.hpp"
#include "registry/api.hpp"

namespace dayaq::regime {
namespace {

using http::Method;
using http::Request;
using http::Response;
using http::Scope;

constexpr const char* media_type = "application/vnd.dayaq.feed";
constexpr std::size_t answer_bytes_max = 8u << 20;
constexpr std::uint64_t wait_max_s = 25;  // below the server's limit for an answer
constexpr std::uint64_t json_lines_max = 4096;
constexpr std::uint64_t page_lines = 8192;  // of all operators: one operator's page is smaller
constexpr std::uint64_t pages_max = 1u << 20;
constexpr std::chrono::seconds clock_step{10};  // by which the centre's clock may have been set back

constexpr const char* feed_schema = R"({
  "type": "object", "required": ["operator", "last_sequence", "lines"],
  "description": "As application/vnd.dayaq.feed: blocks one after another, see docs/feed.md.",
  "properties": {"operator": {"type": "string"}, "last_sequence": {"type": "integer"},
    "lines": {"type": "array", "items": {"type": "object", "properties": {
      "sequence": {"type": "integer"}, "define": {"type": "object"},
      "subscription": {"type": "string", "description": "Its pseudonym, 16 hexadecimal digits."},
      "grants": {"type": "array", "items": {"type": "object"}}}}}}})";
constexpr const char* status_schema = R"({
  "type": "object", "required": ["feeds"],
  "properties": {"feeds": {"type": "array", "items": {"type": "object", "properties": {
    "operator": {"type": "string"}, "last_sequence": {"type": "integer"}, "first_kept": {"type": "integer"},
    "said": {"type": ["string", "null"], "format": "date-time"},
    "edges": {"type": "array", "items": {"type": "object", "properties": {
      "edge": {"type": "string"}, "applied": {"type": "integer"},
      "heard": {"type": ["string", "null"], "format": "date-time"}, "lines_behind": {"type": "integer"},
      "seconds_behind": {"type": "number"}, "silent": {"type": "boolean"}}}}}}}}})";

Result<std::uint64_t> number_of(const Request& request, std::string_view name, std::uint64_t otherwise,
                                std::uint64_t most) {
  const auto text = request.query_value(name);
  if (!text || text->empty()) return otherwise;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size() || value > most) {
    return fail_field("feed.number", std::string(name),
                      fmt::format("A whole number from 0 to {} is needed.", most));
  }
  return value;
}

bool wants_json(const Request& request) {
  return request.header("accept").find(media_type) == std::string_view::npos;
}

std::string until_json(Instant t) {
  return t == instant_max ? "null" : '"' + format_instant(t) + '"';
}

void put_grants(std::string& out, const feed::GrantList& list) {
  const char* comma = "";
  for (const feed::GrantLine& grant : list) {
    out += fmt::format(R"({}{{"measure":{},"until":{}}})", std::exchange(comma, ","), grant.measure,
                       until_json(grant.until));
  }
}

std::string definition_json(const feed::Definition& definition) {
  std::string out =
      fmt::format(R"({{"measure":{},"regime":"{}","version":{},"from":{},"until":{},"benefits":[)",
                  definition.measure, definition.regime, definition.regime_version,
                  definition.period.from == instant_min ? "null" : until_json(definition.period.from),
                  until_json(definition.period.until));
  const char* comma = "";
  for (const feed::BenefitLine& benefit : definition.benefits) {
    out +=
        fmt::format(R"({}{{"gives":"{}","lines":{},"covers_percent":{})", std::exchange(comma, ","),
                    to_string(BenefitKind(benefit.kind)), kinds_json(benefit.delivered_on), benefit.percent);
    if (!benefit.traffic_class.empty()) out += fmt::format(R"(,"traffic":"{}")", benefit.traffic_class);
    if (benefit.limited) {
      out += fmt::format(R"(,"quota":{},"unit":"{}","per":"{}","when_used_up":"{}")", benefit.quota,
                         to_string(Unit(benefit.unit)), to_string(QuotaPeriod(benefit.quota_period)),
                         to_string(WhenUsedUp(benefit.when_used_up)));
    }
    out += fmt::format(R"(,"when_silent":"{}")", to_string(WhenSilent(benefit.when_silent)));
    if (benefit.open_bound > 0) out += fmt::format(R"(,"open_bound":{})", benefit.open_bound);
    out += '}';
  }
  return out + "]}";
}

/// A block's lines after `after` as JSON, at most `left` of them, which is counted down.
void put_lines(std::string& out, const feed::Block& block, std::uint64_t after, std::uint64_t& left) {
  const bool numbered = block.kind == feed::BlockKind::changes;
  std::uint64_t sequence = block.first_sequence;
  const auto begin = [&] {
    if (numbered && sequence++ <= after) return false;
    if (left == 0) return false;
    --left;
    if (out.back() != '[') out += ',';
    out += '{';
    if (numbered) out += fmt::format(R"("sequence":{},)", sequence - 1);
    return true;
  };
  for (const feed::Definition& definition : block.definitions) {
    if (begin()) out += R"("define":)" + definition_json(definition) + "}";
  }
  for (const feed::SubscriptionLine& line : block.lines) {
    if (!begin()) continue;
    out += fmt::format(R"("subscription":"{:016x}","grants":[)", line.key);
    put_grants(out, block.lists[line.list]);
    out += "]}";
  }
}

/// One question to the feed, which may wait for its answer.
struct FeedQuestion {
  OrganisationIndex provider = 0;
  std::uint64_t after = 0;
  std::uint64_t limit = json_lines_max;
  bool json = true;
};

class FeedHandlers : public std::enable_shared_from_this<FeedHandlers> {
 public:
  explicit FeedHandlers(const GrantsApi& api) : api_(api) {}

  void follow(std::shared_ptr<const Request> request, http::Responder responder) const {
    const auto question = read_question(*request);
    if (!question) return responder(registry::refuse(question.error()));
    const auto wait = number_of(*request, "wait", 0, wait_max_s);
    if (!wait) return responder(registry::refuse(wait.error()));
    if (const auto same = check_said(*request, *question); !same) {
      return responder(registry::refuse(same.error()));
    }
    const FeedEnd end = api_.keeper.hub().end(question->provider);
    // Who asks for what comes after a number has applied all up to it. A number beyond the end confirms
    // nothing.
    if (const auto edge = request->query_value("edge"); edge && question->after <= end.last_sequence) {
      const auto heard = api_.edges.heard(question->provider, *edge, question->after, api_.clock.now());
      if (!heard) return responder(registry::refuse(heard.error()));
    }
    if (question->after != end.last_sequence || *wait == 0) return responder(answer(*question));
    // Shared, since the waiter must be copyable; it answers once.
    auto held = std::make_shared<http::Responder>(std::move(responder));
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(*wait);
    api_.keeper.hub().wait(
        question->provider, question->after, deadline,
        [self = shared_from_this(), question = *question, held] { (*held)(self->answer(question)); });
  }

  Response snapshot(const Request& request) const {
    const auto provider = operator_of(request);
    if (!provider) return registry::refuse(provider.error());
    const auto pages = number_of(request, "pages", pages_now(), pages_max);
    const auto page = number_of(request, "page", 0, pages_max);
    if (!pages) return registry::refuse(pages.error());
    if (!page) return registry::refuse(page.error());
    if (!std::has_single_bit(*pages) || *page >= *pages || *pages < pages_now() / 4) {
      return registry::refuse(
          fail_field("feed.page", "page",
                     "Ask for pages 0 to `pages` - 1, with the `pages` of the first answer.")
              .error());
    }
    const feed::Block block = read_page(*provider, *page, *pages);
    Response response;
    if (wants_json(request)) {
      std::uint64_t left = feed::lines_max + feed::definitions_max;
      std::string out = fmt::format(R"({{"operator":"{}","last_sequence":{},"page":{},"pages":{},"lines":[)",
                                    block.operator_code, block.first_sequence, *page, *pages);
      put_lines(out, block, 0, left);
      response = Response::json(out + "]}");
    } else {
      response = binary(std::string(as_text(feed::encode(block, api_.keeper.signer()))));
    }
    response.headers.emplace_back("Dayaq-Feed-Pages", std::to_string(*pages));
    response.headers.emplace_back("Dayaq-Feed-Sequence", std::to_string(block.first_sequence));
    return response;
  }

  Response status(const Request& request) const {
    const auto caller = registry::caller_of(request, api_.registry);
    if (!caller) return registry::refuse(caller.error());
    // An operator sees its own feed; an agency that may read feeds at all sees how far each is.
    const bool is_operator = api_.keeper.feed_key(*caller).has_value();
    std::string out = R"({"feeds":[)";
    for (const OrganisationIndex provider : api_.keeper.hub().operators()) {
      if (is_operator && provider != *caller) continue;
      const FeedEnd end = api_.keeper.hub().end(provider);
      const auto first =
          api_.db.read([&](store::Session& session) { return FeedStore::first_kept(session, provider); });
      if (!first) return registry::refuse(first.error());
      out +=
          fmt::format(R"({}{{"operator":"{}","last_sequence":{},"first_kept":{},"said":{},"edges":[)",
                      out.back() == '[' ? "" : ",", api_.registry.organisations.at(provider)->code,
                      end.last_sequence, *first, end.last_sequence == 0 ? "null" : until_json(end.created));
      for (const EdgeState& state : api_.edges.of(provider)) {
        if (!state.edge.live()) continue;
        const Instant now = api_.clock.now();
        const auto lag = lag_of(api_.keeper.hub(), api_.db, provider, state.progress.applied, now);
        if (!lag) return registry::refuse(lag.error());
        out += fmt::format(R"({}{{"edge":"{}",{}}})", out.back() == '[' ? "" : ",", state.edge.name,
                           progress_json(state, *lag, now));
      }
      out += "]}";
    }
    return Response::json(out + "]}");
  }

  Response key(const Request& request) const {
    const auto provider = operator_of(request);
    if (!provider) return registry::refuse(provider.error());
    const SipKey key = *api_.keeper.feed_key(*provider);
    Bytes bytes;
    put_le(bytes, key.k0);
    put_le(bytes, key.k1);
    Response response = Response::json(fmt::format(
        R"({{"operator":"{}","key":"{}","pseudonym":"SipHash-2-4 of \"kind|number\"","public_key":"{}"}})",
        api_.registry.organisations.at(*provider)->code, to_base64(bytes),
        to_base64(api_.keeper.signer().public_key())));
    response.headers.emplace_back("Cache-Control", "no-store");
    return response;
  }

  Response keys(const Request& request) const {
    const auto provider = operator_of(request);
    if (!provider) return registry::refuse(provider.error());
    Response response;
    response.content_type = "text/plain; charset=utf-8";
    response.headers.emplace_back("Cache-Control", "no-store");
    if (api_.feed_keys) response.body = api_.feed_keys();
    return response;
  }

  Response resources(const Request& request) const {
    const auto provider = operator_of(request);
    if (!provider) return registry::refuse(provider.error());
    if (!api_.resources) {
      return registry::refuse(
          fail(ErrorKind::not_found, "feed.no_resources", "This centre publishes no list of resources.")
              .error());
    }
    Response response;
    response.content_type = "text/plain; charset=utf-8";
    response.headers.emplace_back("ETag", api_.resources->etag());
    response.headers.emplace_back("Cache-Control", "no-cache");
    if (request.header("if-none-match").find(api_.resources->etag()) != std::string_view::npos) {
      response.status = 304;
    } else {
      response.body = api_.resources->note();
    }
    return response;
  }

 private:
  Result<OrganisationIndex> operator_of(const Request& request) const {
    DAYAQ_TRY(const OrganisationIndex caller, registry::caller_of(request, api_.registry));
    if (api_.keeper.feed_key(caller)) return caller;
    return fail(ErrorKind::forbidden, "feed.no_operator",
                "Only an operator has a feed. Use an operator's key.");
  }

  Result<FeedQuestion> read_question(const Request& request) const {
    FeedQuestion question;
    DAYAQ_TRY(question.provider, operator_of(request));
    DAYAQ_TRY(question.after, number_of(request, "after", 0, std::uint64_t(1) << 62));
    DAYAQ_TRY(question.limit, number_of(request, "limit", json_lines_max, json_lines_max));
    question.limit = std::max<std::uint64_t>(question.limit, 1);
    question.json = wants_json(request);
    return question;
  }

  /// Whether the caller's last line is one of this feed: a database that was restored from a backup says
  /// other things under numbers that it had given before, and says them later.
  Result<void> check_said(const Request& request, const FeedQuestion& question) const {
    const auto text = request.query_value("said");
    if (!text || text->empty() || question.after == 0) return {};
    DAYAQ_TRY(const std::uint64_t said, number_of(request, "said", 0, std::uint64_t(1) << 62));
    DAYAQ_TRY(const bool forked, api_.db.read([&](store::Session& session) -> Result<bool> {
      DAYAQ_TRY(const std::uint64_t first, FeedStore::first_kept(session, question.provider));
      if (first == 0 || first > question.after) return false;
      DAYAQ_TRY(const auto created, FeedStore::said_after(session, question.provider, question.after - 1));
      return created && *created > from_micros(std::int64_t(said)) + clock_step;
    }));
    if (!forked) return {};
    return fail(
        ErrorKind::conflict, "feed.forked",
        "This feed said something else under this number, later than the caller heard it: the centre was "
        "restored from a backup.");
  }

  static Response binary(std::string body) {
    Response response;
    response.content_type = media_type;
    response.body = std::move(body);
    return response;
  }

  Result<std::vector<FeedBlock>> blocks(const FeedQuestion& question) const {
    const FeedEnd end = api_.keeper.hub().end(question.provider);
    if (question.after > end.last_sequence) {
      return fail(ErrorKind::conflict, "feed.ahead",
                  "The feed ends before this number: it was restored from an older state. Take a snapshot.");
    }
    if (auto recent = api_.keeper.hub().recent(question.provider, question.after, answer_bytes_max))
      return *recent;
    std::vector<FeedBlock> out;
    std::size_t bytes = 0;
    DAYAQ_TRY_OK(api_.db.read([&](store::Session& session) {
      return FeedStore::each_block(
          session, question.provider, question.after, [&](const FeedBlockRow& row) -> Result<bool> {
            out.push_back({.provider = question.provider,
                           .first_sequence = row.first_sequence,
                           .last_sequence = row.last_sequence,
                           .bytes = std::make_shared<const Bytes>(row.block.begin(), row.block.end())});
            bytes += row.block.size();
            return bytes < answer_bytes_max;
          });
    }));
    if (!out.empty() && out.front().first_sequence > question.after + 1) {
      return fail(
          ErrorKind::conflict, "feed.trimmed",
          "The feed isn't kept back to this number any more. Take a snapshot and follow from its number.");
    }
    return out;
  }

  Response answer(const FeedQuestion& question) const {
    const auto found = blocks(question);
    if (!found) return registry::refuse(found.error());
    const FeedEnd end = api_.keeper.hub().end(question.provider);
    if (!question.json) {
      std::string body;
      for (const FeedBlock& block : *found) body += as_text(*block.bytes);
      Response response = binary(std::move(body));
      response.headers.emplace_back("Dayaq-Feed-Sequence", std::to_string(end.last_sequence));
      return response;
    }
    std::string out = fmt::format(R"({{"operator":"{}","last_sequence":{},"lines":[)",
                                  api_.registry.organisations.at(question.provider)->code, end.last_sequence);
    std::uint64_t left = question.limit;
    for (const FeedBlock& block : *found) {
      if (left == 0) break;
      BytesView bytes = *block.bytes;
      const auto decoded = feed::decode_own(bytes);
      if (!decoded) return registry::refuse(decoded.error());
      put_lines(out, *decoded, question.after, left);
    }
    return Response::json(out + "]}");
  }

  std::uint64_t pages_now() const {
    const std::uint64_t lines =
        api_.keeper.live().read([](const LiveState& state) { return state.population.lines().size(); });
    return std::bit_ceil(std::max<std::uint64_t>(lines / page_lines, 1));
  }

  /// The lines whose keys share their first bits: whatever the table's size, each line is in exactly one
  /// page.
  feed::Block read_page(OrganisationIndex provider, std::uint64_t page, std::uint64_t pages) const {
    const int shift = 64 - std::countr_zero(pages);
    const LineKey first = pages == 1 ? 0 : page << shift;
    const LineKey last = pages == 1 ? ~LineKey(0) : first + ((LineKey(1) << shift) - 1);
    feed::Block block{.kind = feed::BlockKind::snapshot,
                      .operator_code = api_.registry.organisations.at(provider)->code.value(),
                      // Read before the lines: what was said since then will be read again from the feed.
                      .first_sequence = api_.keeper.hub().end(provider).last_sequence,
                      .created = api_.clock.now(),
                      .page = std::uint32_t(page),
                      .pages = std::uint32_t(pages),
                      .definitions = {},
                      .lists = {},
                      .lines = {}};
    api_.keeper.live().read([&](const LiveState& state) {
      std::unordered_map<ProfileId, std::uint16_t> lists;
      std::set<MeasureNumber> measures;
      state.population.lines().each_between(first, last, [&](const Line& line) {
        if (line.provider != provider || line.profile == 0 || block.lines.size() == feed::lines_max) return;
        const auto [list, fresh] = lists.try_emplace(line.profile, std::uint16_t(block.lists.size()));
        if (fresh) {
          block.lists.push_back(wire_grants(state.population.profiles().at(line.profile)));
          for (const feed::GrantLine& grant : block.lists.back()) measures.insert(grant.measure);
        }
        block.lines.push_back({.key = line.key, .list = list->second});
      });
      for (const MeasureNumber number : measures) {
        block.definitions.push_back(definition_of(*state.law->find(number), number));
      }
    });
    return block;
  }

  GrantsApi api_;
};

}  // namespace

void add_feed_routes(http::Router& router, const GrantsApi& api) {
  router.add_schema("Feed", feed_schema);
  router.add_schema("FeedStatus", status_schema);
  const auto handlers =
      std::make_shared<FeedHandlers>(api);  // shared by the routes, which live as long as the router
  // Reading the end is from memory; who lags far behind reads the store for some milliseconds on a worker.
  router.add_async(
      {.method = Method::get,
       .pattern = "/v1/feed",
       .scope = Scope::feed_read,
       .operation = "follow_feed",
       .summary =
           "What was said to the calling operator after a number; waits for the next if there is none.",
       .response_schema = "Feed",
       .tag = "feed",
       .query_parameters = {{"after", "The last number that the caller has applied (0)"},
                            {"wait", "Seconds to wait for something new, at most 25 (0)"},
                            {"limit", "Lines at most, as JSON (4096)"},
                            {"edge", "The enrolled edge that asks, and so confirms `after`"},
                            {"said",
                             "When `after` was said, microseconds since 1970: 409 feed.forked if that is "
                             "another line here"}}},
      [handlers](std::shared_ptr<const Request> request, http::Responder responder) {
        handlers->follow(std::move(request), std::move(responder));
      });
  router.add(
      {.method = Method::get,
       .pattern = "/v1/feed/snapshot",
       .scope = Scope::feed_read,
       .operation = "read_feed_snapshot",
       .summary =
           "All grants of the calling operator's lines, in pages; then follow the feed from its number.",
       .response_schema = "Feed",
       .tag = "feed",
       .query_parameters = {{"page", "From 0"},
                            {"pages", "As the first answer's header Dayaq-Feed-Pages says"}}},
      [handlers](const Request& request) { return handlers->snapshot(request); });
  router.add({.method = Method::get,
              .pattern = "/v1/feed/status",
              .scope = Scope::feed_read,
              .operation = "get_feed_status",
              .summary = "Where feeds stand.",
              .response_schema = "FeedStatus",
              .tag = "feed"},
             [handlers](const Request& request) { return handlers->status(request); });
  router.add({.method = Method::get,
              .pattern = "/v1/feed/key",
              .scope = Scope::feed_read,
              .operation = "get_feed_key",
              .summary = "The key under which the calling operator's subscriptions get their pseudonyms.",
              .tag = "feed"},
             [handlers](const Request& request) { return handlers->key(request); });
  router.add({.method = Method::get,
              .pattern = "/v1/feed/keys",
              .scope = Scope::feed_read,
              .operation = "get_feed_keys",
              .summary = "Which key signs the feed after which, each change signed by the key before it.",
              .tag = "feed"},
             [handlers](const Request& request) { return handlers->keys(request); });
  router.add(
      {.method = Method::get,
       .pattern = "/v1/feed/resources",
       .scope = Scope::feed_read,
       .operation = "get_feed_resources",
       .summary = "The list of zero-rated resources, numbered and signed; asked again with If-None-Match.",
       .tag = "feed"},
      [handlers](const Request& request) { return handlers->resources(request); });
}

}  // namespace dayaq::regime
