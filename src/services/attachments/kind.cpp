#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "http/encoding.hpp"
#include "services/attachments/attachments.hpp"

namespace dayaq::services::attachments {
namespace {

struct Known {
  Kind kind;
  std::string_view name;
  std::string_view media_type;
  std::string_view suffix;
};
constexpr std::array<Known, 3> all_known{{{Kind::pdf, "pdf", "application/pdf", ".pdf"},
                                          {Kind::jpeg, "jpeg", "image/jpeg", ".jpg"},
                                          {Kind::png, "png", "image/png", ".png"}}};

const Known& known(Kind kind) {
  return all_known[static_cast<std::size_t>(kind)];
}

constexpr std::size_t name_max = 100;

using namespace std::string_view_literals;
constexpr std::string_view png_start = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR"sv;
constexpr std::string_view png_end = "\0\0\0\0IEND\xae\x42\x60\x82"sv;

/// A ZIP archive ends with a record that says how long the comment behind it is: it fits the end of the file
/// if a program that reads archives would take this for one. @see APPNOTE.TXT section 4.3.16
bool ends_as_archive(std::string_view tail) {
  constexpr std::size_t record_size = 22;
  for (std::size_t at = tail.rfind("PK\5\6"); at != std::string_view::npos;
       at = at == 0 ? std::string_view::npos : tail.rfind("PK\5\6", at - 1)) {
    if (tail.size() - at < record_size) continue;
    const auto low = static_cast<unsigned char>(tail[at + 20]);
    const auto high = static_cast<unsigned char>(tail[at + 21]);
    if (at + record_size + low + std::size_t{256} * high <= tail.size()) return true;
  }
  return false;
}

bool in_last(std::string_view tail, std::size_t size, std::string_view mark) {
  return tail.substr(tail.size() - std::min(size, tail.size())).find(mark) != std::string_view::npos;
}

}  // namespace

std::string_view to_string(Kind kind) {
  return known(kind).name;
}

std::string_view media_type(Kind kind) {
  return known(kind).media_type;
}

std::optional<Kind> parse_kind(std::string_view name) {
  const auto found = std::ranges::find(all_known, name, &Known::name);
  return found == all_known.end() ? std::nullopt : std::optional(found->kind);
}

std::optional<Kind> sniff(BytesView head_bytes, BytesView tail_bytes) {
  const std::string_view head = as_text(head_bytes);
  const std::string_view tail = as_text(tail_bytes);
  if (ends_as_archive(tail)) return std::nullopt;
  // ISO 32000-1 section 7.5: %PDF-1.n at the start, %%EOF at the end; readers look a kilobyte around.
  if (head.starts_with("%PDF-") && in_last(tail, 1024, "%%EOF")) return Kind::pdf;
  // ISO/IEC 10918-1: SOI and another marker; EOI. Telephones add data of their own behind it.
  if (head.starts_with("\xff\xd8\xff"sv) && tail.find("\xff\xd9"sv) != std::string_view::npos) {
    return Kind::jpeg;
  }
  // ISO/IEC 15948: the signature and IHDR; IEND.
  if (head.starts_with(png_start) && in_last(tail, 1024, png_end)) return Kind::png;
  return std::nullopt;
}

std::string shown_name(std::string_view name, Kind kind) {
  if (const auto folder = name.find_last_of("/\\"); folder != std::string_view::npos) {
    name.remove_prefix(folder + 1);
  }
  std::string out;
  if (is_utf8(name)) {
    for (const char c : name) {
      if (static_cast<unsigned char>(c) >= ' ' && c != 0x7f) out += c;
    }
  }
  if (out.size() > name_max) {
    std::size_t end = name_max;
    while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xc0u) == 0x80) --end;
    out.resize(end);
  }
  if (out.find_first_not_of(". ") == std::string::npos) out = "document";
  // What it is called says what it is, whatever it was called.
  const std::string lower = to_lower(out, Language::en);
  const bool fits = lower.ends_with(known(kind).suffix) || (kind == Kind::jpeg && lower.ends_with(".jpeg"));
  return fits ? out : out + std::string(known(kind).suffix);
}

std::string content_disposition(std::string_view name, Kind kind) {
  const std::string shown = shown_name(name, kind);
  std::string plain;
  for (const char c : shown) {
    const bool simple = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                        c == '.' || c == '-' || c == '_';
    plain += simple ? c : '_';
  }
  return fmt::format("attachment; filename=\"{}\"; filename*=UTF-8''{}", plain, http::percent_encode(shown));
}

std::string to_hex(AttachmentId id) {
  return fmt::format("{:016x}", id.value());
}

std::optional<AttachmentId> parse_id(std::string_view hex) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(hex.data(), hex.data() + hex.size(), value, 16);
  if (hex.size() > 16 || error != std::errc() || end != hex.data() + hex.size() || value == 0 ||
      value >> 63 != 0) {
    return std::nullopt;
  }
  return AttachmentId(value);
}

}  // namespace dayaq::services::attachments
