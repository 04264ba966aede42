// What people type, as the grammar sees it: words whose script, case and width don't matter, and characters
// of a national id whose look-alikes are resolved. Plain functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dayaq::services::sms {

/// What stands before a token.
enum class Gap : unsigned char {
  none,   ///< nothing: the message's beginning
  joint,  ///< a space, or a sign that people write within a number: - . _ / ' `
  mark,   ///< anything else: a comma, a colon, a picture
  line,   ///< a new line or a semicolon
};

/// Letters and digits that stand together.
struct Token {
  std::u32string raw;  ///< as written; wide, circled and other scripts' digits are ASCII
  std::string word;    ///< how it sounds, in a-z and 0-9: "həkim", "хеким", "HEKIM" are one. @see sound_of
  /// As a national id's characters, upper case: Cyrillic and Greek letters by their look, O for 0 and I for 1
  /// raised. "" if one of them can't be such a character.
  std::string id;
  bool doubtful = false;  ///< a character could be two of an id's: a Cyrillic V, an l among capitals
  bool has_digit = false;
  bool has_letter = false;
  bool upper = false;     ///< no lower-case letter
  bool cyrillic = false;  ///< has a Cyrillic letter
  Gap before = Gap::none;
  bool spaced = false;  ///< white space stands before it, not only a sign
  char32_t sign = 0;    ///< the sign before it; 0: none

  [[nodiscard]] bool digits_only() const { return has_digit && !has_letter; }
  [[nodiscard]] bool letters_only() const { return has_letter && !has_digit; }
};

/// Splits a message. Bytes that aren't UTF-8 separate, as signs do. Never more tokens than bytes.
[[nodiscard]] std::vector<Token> tokens_of(std::string_view utf8);

/// Of letters and digits as they stand in a token.
[[nodiscard]] Token token_of(std::u32string_view raw);

/// How a word sounds: lower case, without diacritics, Cyrillic transliterated, sh/ş, ch/ç, kh/x/h, gh/ğ, q/g,
/// y/i, w/v taken together, doubled letters once. Digits stay.
[[nodiscard]] std::string sound_of(std::string_view utf8);
[[nodiscard]] std::string sound_of(std::u32string_view text);

/// True if the whole text is of the GSM 7-bit default alphabet, without its extension. @see 3GPP TS 23.038
[[nodiscard]] bool is_gsm7(std::string_view utf8);
/// For a message of 160 characters: Azerbaijani letters become ASCII (ə -> e, ş -> s); what else isn't in the
/// GSM alphabet becomes a space. Text of a Cyrillic message is left alone: don't call it for one.
[[nodiscard]] std::string to_gsm7(std::string_view utf8);
/// How many messages a network makes of it: 160 (153 each if several) of GSM-7, 70 (67) otherwise.
[[nodiscard]] int segments_of(std::string_view utf8);

}  // namespace dayaq::services::sms
