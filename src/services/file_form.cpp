// A service file's conditions and form, and what its parts have in common.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "regime/file_quantity.hpp"
#include "services/file_parts.hpp"

namespace dayaq::services {
namespace {

using regime::TreeNode;

constexpr int condition_depth_max = 8;
constexpr std::size_t condition_nodes_max = 100, words_max = 20;
constexpr std::int64_t text_max = 4000, text_max_usual = 500;
constexpr std::int64_t number_max = 1'000'000'000'000;
constexpr std::int64_t days_max = 54'787;  // 150 years
constexpr std::uint64_t document_bytes_max = 25u << 20, document_bytes_usual = 5u << 20;
constexpr auto duration_max = std::chrono::days(3653);

const std::vector<std::string>& rule_words() {
  static const std::vector<std::string> words{"status",       "age",      "residence",
                                              "subscription", "everyone", "group"};
  return words;
}

const std::vector<std::string>& field_kind_words() {
  static const std::vector<std::string> words{"text", "number", "choice",      "choices", "yes_no",
                                              "date", "place",  "national_id", "phone",   "document"};
  return words;
}

/// What is put into texts beside answers: no field may be called so.
bool is_reserved(std::string_view code) {
  return code == "number" || code == "until" || code == "permit" || code == "code";
}

FieldKind kind_of(Known known) {
  switch (known) {
    case Known::national_id:
      return FieldKind::national_id;
    case Known::birth:
      return FieldKind::date;
    case Known::residence:
      return FieldKind::place;
    case Known::phone:
      return FieldKind::phone;
    case Known::none:
    case Known::name:
      break;
  }
  return FieldKind::text;
}

class FormReader {
 public:
  explicit FormReader(FileParts& parts) : parts_(parts) {}

  std::vector<Field> read(const At& at) {
    for (const At& item : parts_.items(at, fields_max)) {
      Field field = read_field(item);
      const auto same = std::ranges::find(fields_, field.code, &Field::code);
      if (!field.code.empty() && same != fields_.end()) {
        reader().error(*reader().find(item, "field"), "service.duplicate",
                       fmt::format("A field `{}` stands above. Give this one another name.", field.code));
      }
      fields_.push_back(std::move(field));
    }
    return std::move(fields_);
  }

 private:
  regime::TreeReader& reader() { return parts_.reader; }

  Field read_field(const At& at) {
    Field field;
    if (!reader().map(at, {"field", "kind", "title", "help", "required", "when", "known", "choices", "min",
                           "max", "types", "size_max"})) {
      return field;
    }
    if (const auto code = reader().need(at, "field")) {
      field.code = reader().code(*code).value_or("");
      if (is_reserved(field.code)) {
        reader().error(*code, "service.field",
                       fmt::format("`{}` is a word of notices. Give the field another name.", field.code));
      }
    }
    if (const auto title = reader().need(at, "title")) field.title = reader().localized(*title, title_max);
    if (const auto help = reader().find(at, "help")) field.help = reader().localized(*help, prose_max);
    if (const auto required = reader().find(at, "required"))
      field.required = reader().truth(*required).value_or(true);
    if (const auto when = reader().find(at, "when")) field.when = parts_.condition(*when, fields_);
    const auto kind = reader().need(at, "kind");
    const auto index =
        kind ? parts_.word(*kind, field_kind_words(), "service.kind", "kind of field") : std::nullopt;
    if (!index) return field;
    field.kind = static_cast<FieldKind>(*index);
    if (const auto known = reader().find(at, "known")) read_known(*known, field);
    read_choices(at, field);
    read_range(at, field);
    read_document(at, field);
    return field;
  }

  void read_known(const At& at, Field& field) {
    const std::vector<std::string> words{"national_id", "name", "birth", "residence", "phone"};
    const auto index = parts_.word(at, words, "service.known", "fact that the state knows");
    if (!index) return;
    field.known = static_cast<Known>(*index + 1);
    if (field.kind == kind_of(field.known)) return;
    reader().error(at, "service.known",
                   fmt::format("`{}` is known as a {}. Correct the field's `kind`.", to_string(field.known),
                               to_string(kind_of(field.known))));
  }

  void read_choices(const At& at, Field& field) {
    if (field.kind != FieldKind::choice && field.kind != FieldKind::choices) {
      parts_.refuse(at, {"choices"}, to_string(field.kind));
      return;
    }
    const auto choices = reader().need(at, "choices");
    if (!choices) return;
    std::map<std::string, std::string> called;  // what people may write, folded: of which choice
    for (const At& item : parts_.items(*choices, choices_max)) {
      Choice choice;
      if (!reader().map(item, {"code", "title", "words"})) continue;
      if (const auto code = reader().need(item, "code")) {
        choice.code = reader().code(*code).value_or("");
        check_called(*code, choice.code, choice.code, called);
      }
      if (const auto title = reader().need(item, "title")) {
        choice.title = reader().localized(*title, title_max);
        for (const std::string& name : {choice.title.az, choice.title.en, choice.title.ru})
          check_called(*title, name, choice.code, called);
      }
      if (const auto words = reader().find(item, "words")) {
        for (const At& word : parts_.items(*words, words_max)) {
          const auto text = reader().text(word);
          if (!text) continue;
          check_word(word, *text);
          check_called(word, *text, choice.code, called);
          choice.words.push_back(*text);
        }
      }
      field.choices.push_back(std::move(choice));
    }
  }

  /// One word of a message, as people type it.
  void check_word(const At& at, const std::string& word) {
    if (!word.empty() && word.size() <= 40 && word.find_first_of(" ,;\n\t") == std::string::npos) return;
    reader().error(at, "service.words",
                   "One word of at most 40 bytes without blanks or commas is expected here.");
  }

  void check_called(const At& at, const std::string& name, const std::string& code,
                    std::map<std::string, std::string>& called) {
    const std::string folded = fold_for_search(name);
    if (folded.empty() || code.empty()) return;
    const auto [known, is_new] = called.emplace(folded, code);
    if (is_new || known->second == code) return;
    reader().error(
        at, "service.choice",
        fmt::format("`{}` already means the choice `{}`. Choices must be told apart.", name, known->second));
  }

  void read_range(const At& at, Field& field) {
    struct Range {
      std::int64_t low, high, min, max;
    };
    Range range{};
    switch (field.kind) {
      case FieldKind::text:
        range = {.low = 0, .high = text_max, .min = 0, .max = text_max_usual};
        break;
      case FieldKind::number:
        range = {.low = -number_max, .high = number_max, .min = 0, .max = number_max};
        break;
      case FieldKind::date:
        range = {.low = -days_max, .high = days_max, .min = -days_max, .max = days_max};
        break;
      default:
        parts_.refuse(at, {"min", "max"}, to_string(field.kind));
        return;
    }
    field.min = range.min;
    field.max = range.max;
    const auto min = reader().find(at, "min");
    const auto max = reader().find(at, "max");
    if (min) field.min = reader().number(*min, range.low, range.high).value_or(field.min);
    if (max) {
      const bool text = field.kind == FieldKind::text;
      field.max = reader().number(*max, text ? 1 : range.low, range.high).value_or(field.max);
    }
    if (field.min > field.max)
      reader().error(max ? *max : *min, "service.range", "`max` lies below `min`. Correct one of them.");
  }

  void read_document(const At& at, Field& field) {
    if (field.kind != FieldKind::document) {
      parts_.refuse(at, {"types", "size_max"}, to_string(field.kind));
      return;
    }
    field.bytes_max = document_bytes_usual;
    const auto types = reader().find(at, "types");
    if (!types) {
      field.types = {"pdf", "jpeg", "png"};
    } else {
      for (const At& item : reader().one_or_more(*types)) {
        const std::vector<std::string> known{"pdf", "jpeg", "png"};
        if (const auto index = parts_.word(item, known, "service.document", "kind of document"))
          field.types.push_back(known[*index]);
      }
    }
    const auto size = reader().find(at, "size_max");
    const auto word = size ? reader().text(*size) : std::nullopt;
    if (!word) return;
    const auto quantity = regime::parse_quantity(*word);
    if (quantity && quantity->unit == regime::Unit::octets && quantity->amount > 0 &&
        quantity->amount <= document_bytes_max) {
      field.bytes_max = quantity->amount;
    } else {
      reader().error(*size, "service.document", "A size of up to 25 MB such as `5 MB` is expected here.");
    }
  }

  FileParts& parts_;
  std::vector<Field> fields_;
};

}  // namespace

Result<std::chrono::seconds> parse_duration(std::string_view text) {
  constexpr std::pair<std::string_view, std::int64_t> units[]{
      {"s", 1},       {"min", 60},     {"h", 3600},      {"hour", 3600},   {"hours", 3600},
      {"day", 86400}, {"days", 86400}, {"week", 604800}, {"weeks", 604800}};
  std::int64_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view rest = text.substr(static_cast<std::size_t>(end - text.data()));
  if (failed == std::errc{} && number > 0 && rest.starts_with(' ')) {
    for (const auto& [word, seconds] : units) {
      if (rest.substr(1) != word) continue;
      if (number <= std::chrono::seconds(duration_max).count() / seconds)
        return std::chrono::seconds(number * seconds);
    }
  }
  return fail(ErrorKind::invalid_input, "service.duration",
              "A duration such as `30 min`, `3 h`, `5 days` or `2 weeks` of at most ten years is expected "
              "here.");
}

std::vector<std::string> placeholders_in(std::string_view text) {
  std::vector<std::string> out;
  for (std::size_t open = text.find('{'); open != std::string_view::npos; open = text.find('{', open + 1)) {
    const std::size_t close = text.find('}', open);
    if (close == std::string_view::npos) break;
    out.emplace_back(text.substr(open + 1, close - open - 1));
  }
  return out;
}

std::vector<At> FileParts::items(const At& at, std::size_t most) {
  std::vector<At> found = reader.items(at);
  if (found.size() <= most) return found;
  reader.error(at, "file.size", fmt::format("`{}` may have {} entries at most.", at.name, most));
  return {};
}

std::optional<std::size_t> FileParts::word(const At& at, const std::vector<std::string>& words,
                                           std::string_view code, std::string_view what) {
  const auto text = reader.text(at);
  if (!text) return std::nullopt;
  const auto found = std::ranges::find(words, *text);
  if (found != words.end()) return static_cast<std::size_t>(found - words.begin());
  std::string hint = regime::did_you_mean(*text, words);
  if (hint.empty()) hint = fmt::format(" Known: {}.", fmt::join(words, ", "));
  reader.error(at, code, fmt::format("There is no {} `{}`.{}", what, *text, hint));
  return std::nullopt;
}

std::optional<std::chrono::seconds> FileParts::duration(const At& at) {
  const auto text = reader.text(at);
  if (!text) return std::nullopt;
  const auto found = parse_duration(*text);
  if (found) return *found;
  reader.error(at, found.error().code, found.error().public_text);
  return std::nullopt;
}

std::optional<regime::ProviderNames::Provider> FileParts::organisation(const At& at) {
  const auto code = reader.text(at);
  if (!code) return std::nullopt;
  auto found = context.providers.find(*code);
  if (found) return found;
  std::string hint = regime::did_you_mean(*code, context.providers.codes());
  if (hint.empty()) hint = " Register it first.";
  reader.error(at, "regime.unknown_organisation",
               fmt::format("There is no organisation `{}`.{}", *code, hint));
  return std::nullopt;
}

std::string FileParts::named(const At& at, const std::function<std::vector<std::string>()>& known,
                             std::string_view code, std::string_view what) {
  auto name = reader.code(at);
  if (!name || !known) return std::move(name).value_or("");
  const std::vector<std::string> all = known();
  if (std::ranges::find(all, *name) != all.end()) return *std::move(name);
  std::string hint = regime::did_you_mean(*name, all);
  if (hint.empty()) hint = " Add it first.";
  reader.error(at, code, fmt::format("There is no {} `{}`.{}", what, *name, hint));
  return {};
}

void FileParts::refuse(const At& at, std::initializer_list<std::string_view> keys, std::string_view of) {
  for (const std::string_view key : keys) {
    if (const auto found = reader.find(at, key)) {
      reader.error(*found, "service.key",
                   fmt::format("`{}` says nothing for the kind `{}`. Leave it out.", key, of));
    }
  }
}

Condition FileParts::condition(const At& at, const std::vector<Field>& fields) {
  condition_nodes_ = 0;
  return condition_node(at, fields, 0);
}

Condition FileParts::condition_node(const At& at, const std::vector<Field>& fields, int depth) {
  if (at.node->kind == TreeNode::Kind::refused) return {};
  if (++condition_nodes_ > condition_nodes_max || depth > condition_depth_max) {
    if (condition_nodes_ <= condition_nodes_max + 1) {
      reader.error(at, "service.condition",
                   fmt::format("A condition may have {} parts and {} levels at most. Make it simpler.",
                               condition_nodes_max, condition_depth_max));
      condition_nodes_ = condition_nodes_max + 1;
    }
    return {};
  }
  if (at.node->kind != TreeNode::Kind::map || at.node->keys.size() != 1) {
    reader.error(at, "service.condition",
                 "Exactly one condition stands in one place, such as `answer: {reason: market}` or "
                 "`status: pensioner`. Join several with `all` or `any`.");
    return {};
  }
  const std::string& word = at.node->keys.front().text;
  const At value = *reader.find(at, word);
  Condition out;
  if (word == "all" || word == "any") {
    out.kind = word == "all" ? Condition::Kind::all : Condition::Kind::any;
    for (const At& item : reader.items(value))
      out.children.push_back(condition_node(item, fields, depth + 1));
  } else if (word == "not") {
    out.kind = Condition::Kind::negation;
    out.children.push_back(condition_node(value, fields, depth + 1));
  } else if (word == "answer") {
    out = answer(value, fields);
  } else if (word == "answered") {
    out.kind = Condition::Kind::answer;
    if (const auto code = reader.text(value)) {
      out.field = *code;
      field_of(value, *code, fields);
    }
  } else if (word == "place_kind") {
    out.kind = Condition::Kind::place_kind;
    const std::vector<std::string> kinds{"village", "town", "city"};
    for (const At& item : reader.one_or_more(value)) {
      if (const auto kind = this->word(item, kinds, "service.condition", "kind of place"))
        out.values.push_back(kinds[*kind]);
    }
  } else if (std::ranges::find(rule_words(), word) != rule_words().end()) {
    out.kind = Condition::Kind::rule;
    out.rule = rules.read(at);
  } else {
    std::vector<std::string> known{"all", "any", "not", "answer", "answered", "place_kind"};
    known.insert(known.end(), rule_words().begin(), rule_words().end());
    std::string hint = regime::did_you_mean(word, known);
    if (hint.empty()) hint = fmt::format(" Known: {}.", fmt::join(known, ", "));
    reader.error({.node = &at.node->keys.front(), .path = at.path + "." + word}, "service.condition",
                 fmt::format("`{}` is no condition.{}", word, hint));
  }
  return out;
}

/// `answer: {reason: [market, doctor]}`.
Condition FileParts::answer(const At& at, const std::vector<Field>& fields) {
  Condition out;
  out.kind = Condition::Kind::answer;
  if (at.node->kind == TreeNode::Kind::refused) return out;
  if (at.node->kind != TreeNode::Kind::map || at.node->keys.size() != 1) {
    reader.error(at, "file.type", "One field with its answers is expected here, such as `{reason: market}`.");
    return out;
  }
  const TreeNode& key = at.node->keys.front();
  out.field = key.text;
  const Field* field = field_of({.node = &key, .path = at.path + "." + key.text}, key.text, fields);
  const bool told_apart =
      field != nullptr && (field->kind == FieldKind::choice || field->kind == FieldKind::choices ||
                           field->kind == FieldKind::yes_no);
  if (field != nullptr && !told_apart) {
    reader.error({.node = &key, .path = at.path + "." + key.text}, "service.condition",
                 fmt::format("`{}` isn't a choice: ask with `answered: {}` whether it has an answer.",
                             key.text, key.text));
  }
  std::vector<std::string> known{"yes", "no"};
  if (told_apart && field->kind != FieldKind::yes_no) {
    known.clear();
    for (const Choice& choice : field->choices) known.push_back(choice.code);
  }
  for (const At& item : reader.one_or_more(*reader.find(at, key.text))) {
    if (!told_apart) continue;
    if (const auto index = word(item, known, "service.condition", "answer"))
      out.values.push_back(known[*index]);
  }
  return out;
}

const Field* FileParts::field_of(const At& at, std::string_view code, const std::vector<Field>& fields) {
  const auto found = std::ranges::find(fields, code, &Field::code);
  if (found != fields.end()) return &*found;
  std::vector<std::string> known;
  for (const Field& field : fields) known.push_back(field.code);
  reader.error(at, "service.field",
               fmt::format("No field `{}` stands above.{} A condition looks at earlier answers.", code,
                           regime::did_you_mean(code, known)));
  return nullptr;
}

std::vector<Field> read_form(FileParts& parts, const At& at) {
  return FormReader(parts).read(at);
}

}  // namespace dayaq::services
