#include "services/types.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace dayaq::services {
namespace {

constexpr std::array<std::string_view, 4> channels{"web", "sms", "counter", "bulk"};
constexpr std::array<std::string_view, 10> field_kinds{
    "text", "number", "choice", "choices", "yes_no", "date", "place", "national_id", "phone", "document"};
constexpr std::array<std::string_view, 6> knowns{"none",  "national_id", "name",
                                                 "birth", "residence",   "phone"};
constexpr std::array<std::string_view, 3> outcomes{"grant", "refuse", "review"};
constexpr std::array<std::string_view, 6> steps{"decide",      "review", "payment",
                                                "appointment", "issue",  "notify"};
constexpr std::array<std::string_view, 5> pers{"day", "week", "month", "year", "ever"};
constexpr std::array<std::string_view, 8> states{"in_review", "more_asked", "payment",   "appointment",
                                                 "granted",   "refused",    "withdrawn", "expired"};

template <class Value, std::size_t n>
std::optional<Value> value_of(const std::array<std::string_view, n>& words, std::string_view text) {
  const auto found = std::ranges::find(words, text);
  if (found == words.end()) return std::nullopt;
  return static_cast<Value>(found - words.begin());
}

// --- case numbers: eleven letters of five bits, the highest first, and one that makes a weighted sum over
// GF(32) zero, so that any one wrong letter and any two swapped ones are found.

constexpr std::string_view alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";  // Crockford's: no I, L, O, U
constexpr std::size_t letters = 12;
constexpr int no_letter = -1;

/// x times the generator of GF(32) = GF(2)[x] / (x^5 + x^2 + 1).
constexpr unsigned doubled(unsigned x) {
  return (x << 1 & 31u) ^ ((x & 16u) != 0 ? 5u : 0u);
}

/// Sum of letter i times g^(11 - i), i = 0 .. 11, by Horner: the last letter's weight is 1.
constexpr unsigned weighted(std::span<const unsigned> values) {
  unsigned sum = 0;
  for (const unsigned value : values) sum = doubled(sum) ^ value;
  return sum;
}

/// What a letter stands for, in Latin as typed by hand, or in Cyrillic where it looks the same.
constexpr int value_of_letter(char32_t letter) {
  if (letter >= 'a' && letter <= 'z') letter -= 32;
  if (letter >= 0x430 && letter <= 0x44f) letter -= 32;
  constexpr std::pair<char32_t, char> look_alike[]{
      {'O', '0'},   {'I', '1'},   {'L', '1'},   {0x410, 'A'}, {0x412, 'B'}, {0x415, 'E'}, {0x41a, 'K'},
      {0x41c, 'M'}, {0x41d, 'H'}, {0x41e, '0'}, {0x420, 'P'}, {0x421, 'C'}, {0x422, 'T'}, {0x425, 'X'}};
  for (const auto& [typed, meant] : look_alike) {
    if (letter == typed) letter = static_cast<char32_t>(meant);
  }
  if (letter > 'Z') return no_letter;
  const std::size_t at = alphabet.find(static_cast<char>(letter));
  return at == std::string_view::npos ? no_letter : static_cast<int>(at);
}

}  // namespace

std::string_view to_string(Channel channel) {
  return channels[static_cast<std::size_t>(channel)];
}
std::optional<Channel> parse_channel(std::string_view text) {
  return value_of<Channel>(channels, text);
}
std::string_view to_string(FieldKind kind) {
  return field_kinds[static_cast<std::size_t>(kind)];
}
std::optional<FieldKind> parse_field_kind(std::string_view text) {
  return value_of<FieldKind>(field_kinds, text);
}
std::string_view to_string(Known known) {
  return knowns[static_cast<std::size_t>(known)];
}
std::string_view to_string(Outcome outcome) {
  return outcomes[static_cast<std::size_t>(outcome)];
}
std::string_view to_string(Step::Kind kind) {
  return steps[static_cast<std::size_t>(kind)];
}
std::string_view to_string(Per per) {
  return pers[static_cast<std::size_t>(per)];
}
std::string_view to_string(CaseState state) {
  return states[static_cast<std::size_t>(state)];
}
std::optional<CaseState> parse_case_state(std::string_view text) {
  return value_of<CaseState>(states, text);
}

const Field* Service::find(std::string_view field) const {
  const auto found = std::ranges::find(form, field, &Field::code);
  return found == form.end() ? nullptr : &*found;
}

std::string case_number(CaseId id) {
  std::array<unsigned, letters> values{};
  for (std::size_t i = 0; i + 1 < letters; ++i) {
    values[i] = static_cast<unsigned>(id.value() >> (5 * (letters - 2 - i)) & 31u);
  }
  values.back() = weighted(values);  // with a last letter of 0: what is missing to zero
  std::string out;
  for (std::size_t i = 0; i < letters; ++i) {
    if (i != 0 && i % 4 == 0) out += '-';
    out += alphabet[values[i]];
  }
  return out;
}

std::optional<CaseId> parse_case_number(std::string_view text) {
  std::array<unsigned, letters> values{};
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == ' ' || byte == '-' || byte == '\t' || byte == '.' || byte == '_') continue;
    char32_t letter = byte;
    if ((byte == 0xd0 || byte == 0xd1) && i + 1 < text.size()) {  // U+0400 .. U+047F in UTF-8
      letter = (byte & 0x1fu) << 6 | (static_cast<unsigned char>(text[++i]) & 0x3fu);
    } else if (byte >= 0x80) {
      return std::nullopt;
    }
    const int value = value_of_letter(letter);
    if (value == no_letter || count == letters) return std::nullopt;
    values[count++] = static_cast<unsigned>(value);
  }
  if (count != letters || weighted(values) != 0) return std::nullopt;
  std::uint64_t id = 0;
  for (std::size_t i = 0; i + 1 < letters; ++i) id = id << 5 | values[i];
  if (id == 0) return std::nullopt;
  return CaseId(id);
}

}  // namespace dayaq::services
