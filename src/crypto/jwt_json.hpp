// The JSON of tokens and keys: one object, read strictly and without building a tree, and text written
// canonically.
// @see RFC 8259, RFC 7493 (I-JSON: no duplicate names), RFC 7515 section 4, RFC 8785 section 3.2.2.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace dayaq::crypto {

/// A JSON object whose members can be asked for by name. The whole text is checked when it is read: UTF-8, no
/// duplicate name at any depth (RFC 7515 section 4 lets a reader refuse them, and two readers that pick
/// different ones are an attack), at most 8 levels, at most 256 members an object.
class JsonObject {
 public:
  enum class Kind : std::uint8_t { text, number, boolean, null, array, object };
  struct Member {
    std::string_view name;
    Kind kind = Kind::null;
    std::string_view raw;  ///< as it stands in the text, quotes and all
  };

  /// Takes the text over. invalid_input "json.strict" (line 1, column = offset + 1).
  static Result<JsonObject> parse(std::string text);
  /// The same without a copy: `text` must outlive the object. For key material, which is not to be copied.
  static Result<JsonObject> parse_view(std::string_view text);

  [[nodiscard]] std::string_view source() const { return text_; }
  [[nodiscard]] std::size_t size() const { return slots_.size(); }
  [[nodiscard]] Member member(std::size_t index) const;
  [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }
  [[nodiscard]] std::optional<Kind> kind(std::string_view name) const;
  /// The value if the member is there and of that kind.
  [[nodiscard]] std::optional<std::string_view> text(std::string_view name) const;
  [[nodiscard]] std::optional<bool> boolean(std::string_view name) const;
  /// A number within +-2^53 without an exponent; a fraction is cut off (RFC 7519 section 2 allows one in
  /// dates).
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view name) const;
  /// An array of nothing but strings.
  [[nodiscard]] std::optional<std::vector<std::string>> texts(std::string_view name) const;
  /// An array of nothing but objects, each as its own text.
  [[nodiscard]] std::optional<std::vector<std::string_view>> objects(std::string_view name) const;
  [[nodiscard]] std::string_view raw(std::string_view name) const;  ///< "" if it isn't there

 private:
  struct Slice {
    std::uint32_t at = 0;
    std::uint32_t size = 0;
    bool decoded = false;  ///< in decoded_ (there were escapes), else in text_
  };
  struct Slot {
    Slice name;
    Slice value;  ///< of a string without its quotes
    std::uint32_t raw_at = 0;
    std::uint32_t raw_size = 0;
    Kind kind = Kind::null;
  };
  friend class JsonReader;
  [[nodiscard]] const Slot* find(std::string_view name) const;
  [[nodiscard]] std::string_view at(const Slice& slice) const {
    return (slice.decoded ? std::string_view(decoded_) : text_).substr(slice.at, slice.size);
  }

  std::shared_ptr<const std::string> owned_;  // shared, so that copies of the object keep text_ valid
  std::string_view text_;
  std::string decoded_;
  std::vector<Slot> slots_;
};

/// Appends `text` quoted, with the escapes of RFC 8785 section 3.2.2.2; bytes that aren't UTF-8 become
/// U+FFFD.
void append_json_text(std::string& out, std::string_view text);

}  // namespace dayaq::crypto
