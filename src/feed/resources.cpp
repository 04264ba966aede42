#include "feed/resources.hpp"

#include <algorithm>
#include <charconv>

#include "crypto/note.hpp"

namespace dayaq::feed {

namespace {

constexpr std::string_view key_name = "dayaq/resources";
constexpr std::string_view head = "dayaq-resources 1";

std::unexpected<Error> at_line(std::uint32_t line, std::string_view code, std::string text) {
  Error error{.kind = ErrorKind::invalid_input,
              .code = code,
              .public_text = std::move(text),
              .detail = {},
              .field = {}};
  error.line = line;
  return std::unexpected(std::move(error));
}

struct Kind {
  std::string_view word;
  std::vector<std::string> ResourceClass::* list;
};
constexpr Kind kinds[] = {{"rule", &ResourceClass::rules},
                          {"base", &ResourceClass::bases},
                          {"domain", &ResourceClass::domains},
                          {"prefix", &ResourceClass::prefixes}};

Result<void> take_line(std::string_view line, std::uint32_t number, Resources& out) {
  const std::size_t space = line.find(' ');
  const std::string_view word = line.substr(0, space);
  const std::string_view value =
      space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
  if (number == 1) {
    if (line == head) return {};
    return at_line(number, "resources.syntax", "This isn't a list of resources of version 1.");
  }
  if (number == 2) {
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), out.version);
    if (word == "version" && error == std::errc() && end == value.data() + value.size() && out.version != 0 &&
        value[0] != '0') {
      return {};
    }
    return at_line(number, "resources.syntax", "The second line must be the list's version.");
  }
  if (!is_resource_name(value)) return at_line(number, "resources.syntax", "A line is a word and a name.");
  if (word == "class") {
    const bool twice = std::ranges::any_of(
        out.classes, [&](const ResourceClass& listed) { return listed.traffic_class == value; });
    if (twice) return at_line(number, "resources.syntax", "A class is listed once.");
    if (out.classes.size() == resource_classes_max) {
      return at_line(number, "resources.limit", "There are too many classes.");
    }
    out.classes.push_back(
        {.traffic_class = std::string(value), .rules = {}, .bases = {}, .domains = {}, .prefixes = {}});
    return {};
  }
  const auto kind = std::ranges::find(kinds, word, &Kind::word);
  if (kind == std::end(kinds) || out.classes.empty()) {
    return at_line(number, "resources.syntax", "A rule, base, domain or prefix follows its class.");
  }
  (out.classes.back().*kind->list).emplace_back(value);
  return {};
}

}  // namespace

bool is_resource_name(std::string_view text) {
  return !text.empty() && text.size() <= resource_name_max &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < 127; });
}

std::string lines_of(std::span<const ResourceClass> classes) {
  DAYAQ_ASSERT(classes.size() <= resource_classes_max);
  std::string text;
  for (const ResourceClass& listed : classes) {
    DAYAQ_ASSERT(is_resource_name(listed.traffic_class));
    text += "class " + listed.traffic_class + "\n";
    for (const Kind& kind : kinds) {
      for (const std::string& name : listed.*kind.list) {
        DAYAQ_ASSERT(is_resource_name(name));
        text.append(kind.word).append(" ").append(name).append("\n");
      }
    }
  }
  return text;
}

std::string encode(const Resources& resources, const crypto::SigningKey& key) {
  DAYAQ_ASSERT(resources.version != 0);
  std::string text(head);
  text += "\nversion " + std::to_string(resources.version) + "\n" + lines_of(resources.classes);
  return crypto::sign_note(text, key_name, key);
}

Result<Resources> decode_resources(std::string_view note, std::span<const crypto::PublicKey> keys) {
  const auto parsed = crypto::parse_note(note);
  std::vector<crypto::VerifierKey> verifiers;
  for (const crypto::PublicKey& key : keys) {
    verifiers.push_back(crypto::VerifierKey::of(std::string(key_name), key));
  }
  if (!parsed || !crypto::verify_note(*parsed, verifiers)) {
    return fail(ErrorKind::forbidden, "resources.signature", "The list isn't signed by the centre's key.",
                parsed ? "" : parsed.error().detail);
  }
  Resources out;
  std::uint32_t number = 0;
  for (std::string_view left = parsed->text; !left.empty();) {
    const std::size_t end = left.find('\n');
    if (++number > resource_lines_max) {
      return at_line(number, "resources.limit", "The list has too many lines.");
    }
    DAYAQ_TRY_OK(take_line(left.substr(0, end), number, out));
    left.remove_prefix(end == std::string_view::npos ? left.size() : end + 1);
  }
  if (number < 2) return at_line(number, "resources.syntax", "The list has no version.");
  return out;
}

}  // namespace dayaq::feed
