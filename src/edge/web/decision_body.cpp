#include "edge/web/decision_body.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "edge/web/service_name.hpp"

namespace dayaq::edge::web {
namespace {

namespace json = boost::json;

std::unexpected<Error> wrong(std::string_view code, std::string field, std::string text) {
  return fail_field(code, std::move(field), std::move(text));
}

/// Reads the fields of one question; the first finding counts.
class QuestionReader {
 public:
  QuestionReader(const json::object& object, std::string at, const ServiceTable& services,
                 const SipKey& feed_key)
      : object_(object), at_(std::move(at)), services_(services), feed_key_(feed_key) {}

  Result<Question> read(std::optional<Phase> phase) {
    Question question;
    Ask& ask = question.ask;
    if (phase) ask.phase = *phase;
    DAYAQ_TRY(const std::string_view line, text("subscription"));
    const auto name = parse_line(line);
    if (!name) return wrong("edge.subscription", field("subscription"), name.error().public_text);
    ask.line = name->kind;
    ask.key = feed::pseudonym(feed_key_, edge::to_string(name->kind), name->number);
    DAYAQ_TRY(const std::string_view service, text("service"));
    const auto parsed = parse_service(service);
    if (!parsed) return wrong("edge.service", field("service"), parsed.error().public_text);
    ask.service = services_.find(parsed->kind, parsed->traffic_class);
    if (ask.service == no_service) {
      return wrong("edge.service_unknown", field("service"),
                   "This edge's file doesn't name this service. Ask for one that it names.");
    }
    if (phase) DAYAQ_TRY_OK(read_lease(question));
    DAYAQ_TRY_OK(finish());
    return question;
  }

 private:
  Result<void> read_lease(Question& question) {
    Ask& ask = question.ask;
    DAYAQ_TRY(const std::string_view lease, text("lease"));
    if (lease.empty() || lease.size() > 128) {
      return wrong("edge.lease", field("lease"), "Choose a name of 1 to 128 bytes for the lease.");
    }
    question.lease = lease;
    ask.lease = lease_id("http", lease);
    DAYAQ_TRY(const std::uint64_t number, whole("number", 0xffffffff, ask.phase == Phase::start ? 0 : 1));
    ask.number = std::uint32_t(number);
    DAYAQ_TRY(ask.used, whole("used", units_max, 0));
    DAYAQ_TRY(ask.requested, whole("requested", units_max, 0));
    if (const json::value* more = object_.if_contains("more")) {
      if (!more->is_bool()) return wrong("json.type", field("more"), "Write true or false here.");
      ask.wants_slice = more->as_bool();
    }
    return {};
  }
  Result<std::string_view> text(std::string_view key) {
    const json::value* value = object_.if_contains(key);
    if (value == nullptr) return wrong("json.missing", field(key), "Add this field.");
    if (!value->is_string()) return wrong("json.type", field(key), "Write a text here.");
    return std::string_view(value->as_string());
  }
  Result<std::uint64_t> whole(std::string_view key, std::uint64_t max, std::uint64_t otherwise) {
    const json::value* value = object_.if_contains(key);
    if (value == nullptr) return otherwise;
    std::uint64_t number = 0;
    if (value->is_int64() && value->as_int64() >= 0) {
      number = std::uint64_t(value->as_int64());
    } else if (value->is_uint64()) {
      number = value->as_uint64();
    } else {
      return wrong("json.type", field(key), "Write a whole number that isn't negative here.");
    }
    if (number > max) return wrong("json.type", field(key), fmt::format("Write at most {} here.", max));
    return number;
  }
  Result<void> finish() const {
    for (const auto& pair : object_) {
      static constexpr std::string_view known[] = {"subscription", "service",   "lease", "number",
                                                   "used",         "requested", "more"};
      if (std::ranges::find(known, std::string_view(pair.key())) == std::end(known)) {
        return wrong("json.unknown", field(pair.key()), "There is no such field. Check its spelling.");
      }
    }
    return {};
  }
  [[nodiscard]] std::string field(std::string_view key) const { return at_ + std::string(key); }

  static constexpr std::uint64_t units_max = std::uint64_t(1) << 62;
  const json::object& object_;
  std::string at_;
  const ServiceTable& services_;
  const SipKey& feed_key_;
};

}  // namespace

Result<Questions> read_questions(std::string_view body, std::optional<Phase> phase,
                                 const ServiceTable& services, const SipKey& feed_key) {
  std::error_code error;
  json::monotonic_resource memory;
  const json::value root = json::parse(body, error, &memory, {.max_depth = 4});
  if (error) {
    return fail(ErrorKind::invalid_input, "json.syntax", "The body isn't JSON: correct it.", error.message());
  }
  Questions questions;
  const auto add = [&](const json::value& value, std::string at) -> Result<void> {
    if (!value.is_object()) return wrong("json.type", std::move(at), "Write an object here.");
    DAYAQ_TRY(auto question,
              QuestionReader(value.as_object(), std::move(at), services, feed_key).read(phase));
    questions.all.push_back(std::move(question));
    return {};
  };
  if (!root.is_array()) {
    DAYAQ_TRY_OK(add(root, ""));
    return questions;
  }
  questions.list = true;
  const json::array& list = root.as_array();
  if (list.size() > bulk_max) {
    return fail(ErrorKind::invalid_input, "edge.bulk", "At most 1000 questions go into one list: cut it.");
  }
  questions.all.reserve(list.size());
  for (std::size_t i = 0; i < list.size(); ++i) DAYAQ_TRY_OK(add(list[i], fmt::format("[{}].", i)));
  return questions;
}

}  // namespace dayaq::edge::web
