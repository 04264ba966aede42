#include "audit/export.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <istream>
#include <utility>

#include "audit/check.hpp"
#include "audit/leaf.hpp"
#include "audit/store.hpp"
#include "base/text.hpp"

namespace dayaq::audit {
namespace {

constexpr std::size_t line_max =
    1 << 20;  // a leaf and a personal part of full length, all escaped, are 786,420 bytes

// Lines of a stream, each at most line_max bytes, ending in a newline.
class Lines {
 public:
  explicit Lines(std::istream& in) : in_(in) {}
  /// False at the end, or at a line that is too long or not ended.
  bool next(std::string_view& line) {
    for (;;) {
      const char* const end =
          static_cast<const char*>(std::memchr(buffer_.data() + at_, '\n', filled_ - at_));
      if (end != nullptr) {
        line = {buffer_.data() + at_, static_cast<std::size_t>(end - (buffer_.data() + at_))};
        at_ += line.size() + 1;
        return true;
      }
      if (!fill()) return false;
    }
  }
  /// True if there is nothing more, not even an unfinished line.
  [[nodiscard]] bool at_end() const { return at_ == filled_ && in_.eof(); }

 private:
  bool fill() {
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(at_),
              buffer_.begin() + static_cast<std::ptrdiff_t>(filled_), buffer_.begin());
    filled_ -= std::exchange(at_, 0);
    if (filled_ == buffer_.size()) buffer_.resize(std::min(line_max, 2 * buffer_.size()));
    in_.read(buffer_.data() + filled_, static_cast<std::streamsize>(buffer_.size() - filled_));
    const auto got = static_cast<std::size_t>(in_.gcount());
    filled_ += got;
    return got > 0;
  }

  std::istream& in_;
  std::string buffer_ = std::string(32 << 10, '\0');
  std::size_t at_ = 0;
  std::size_t filled_ = 0;
};

bool take(std::string_view& in, std::string_view literal) {
  if (!in.starts_with(literal)) return false;
  in.remove_prefix(literal.size());
  return true;
}

// A decimal number without sign or leading zeros, at most `max`.
bool take_number(std::string_view& in, std::uint64_t max, std::uint64_t& out) {
  const auto [end, error] = std::from_chars(in.data(), in.data() + in.size(), out);
  const auto digits = static_cast<std::size_t>(end - in.data());
  if (error != std::errc{} || out > max || (digits > 1 && in.front() == '0')) return false;
  in.remove_prefix(digits);
  return true;
}

// An exported line taken apart; the strings are kept here, and `row` views into them.
struct ExportLine {
  Hash hash{};
  EntryRow row;
  std::string leaf;
  std::string personal;
  Bytes salt;
};

constexpr std::uint64_t person_max = 0x7fff'ffff'ffff'ffff;

bool take_base64(std::string_view& in, Bytes& out) {
  std::string text;
  if (!take_json_string(in, text)) return false;
  auto bytes = from_base64(text);
  if (bytes) out = std::move(*bytes);
  return bytes.has_value();
}

bool parse_line(std::string_view in, ExportLine& out) {
  std::uint64_t index = 0;
  std::uint64_t person = 0;
  Bytes hash;
  out.row = {};
  if (!is_utf8(in) || !take(in, R"({"hash":)") || !take_base64(in, hash) || hash.size() != out.hash.size())
    return false;
  std::ranges::copy(hash, out.hash.begin());
  if (!take(in, R"(,"index":)") || !take_number(in, crypto::tree_size_max, index)) return false;
  if (!take(in, R"(,"leaf":)") || !take_json_string(in, out.leaf)) return false;
  out.row.index = static_cast<std::int64_t>(index);
  out.row.leaf = out.leaf;
  if (take(in, R"(,"person":")")) {
    if (!take_number(in, person_max, person) || !take(in, R"(")")) return false;
    out.row.person = static_cast<std::int64_t>(person);
    out.row.bucket = bucket_of(person);
  }
  if (take(in, R"(,"personal":)")) {
    if (!take_json_string(in, out.personal)) return false;
    out.row.personal = out.personal;
  }
  if (take(in, R"(,"salt":)")) {
    if (!take_base64(in, out.salt)) return false;
    out.row.salt = out.salt;
  }
  return in == "}";
}

void append_entry(std::string& out, const EntryRow& row, Personal personal) {
  out = R"({"hash":")";
  out += to_base64(crypto::leaf_hash(as_bytes(row.leaf)));
  out += fmt::format(R"(","index":{},"leaf":)", row.index);
  append_json_string(out, row.leaf);
  if (personal == Personal::included) {
    if (row.person) out += fmt::format(R"(,"person":"{}")", *row.person);
    if (row.personal) {
      out += R"(,"personal":)";
      append_json_string(out, *row.personal);
    }
    if (row.salt) out += fmt::format(R"(,"salt":"{}")", to_base64(*row.salt));
  }
  out += "}\n";
}

std::unexpected<Error> no_export(std::string_view why) {
  return fail(ErrorKind::invalid_input, "audit.export",
              "This is not an exported audit log. `dayaq audit export` writes one.", std::string(why));
}

std::unexpected<Error> incomplete(std::string what) {
  return fail(ErrorKind::internal, "audit.corrupt",
              "The audit log in the database doesn't fit together. Run `dayaq audit verify` to see where, "
              "and restore "
              "the database from its last good backup.",
              std::move(what));
}

}  // namespace

Result<std::uint64_t> export_log(store::Session& session, Personal personal,
                                 const std::function<Result<void>(std::string_view line)>& write) {
  DAYAQ_TRY(const std::uint64_t size, entries_end(session));
  DAYAQ_TRY(const auto head, select_head(session));
  if (!head && size > 0) return incomplete("there are entries and no checkpoint");
  std::string line = R"({"checkpoint":)";
  append_json_string(line, head ? head->note : "");
  line += fmt::format(R"(,"entries":{},"format":"dayaq-audit-log/1"}})"
                      "\n",
                      size);
  DAYAQ_TRY_OK(write(line));
  std::uint64_t next = 0;
  const auto write_entry = [&](const EntryRow& row) -> Result<bool> {
    if (row.index != static_cast<std::int64_t>(next)) return false;
    append_entry(line, row, personal);
    ++next;
    DAYAQ_TRY_OK(write(line));
    return true;
  };
  DAYAQ_TRY_OK(select_entries(session, 0, size, write_entry));
  if (next != size) return incomplete(fmt::format("entry {} is missing", next));
  return size;
}

Result<VerifyReport> verify_export(std::istream& in, const VerifyOptions& options) {
  DAYAQ_TRY(LogCheck check, LogCheck::begin(options));
  Lines lines(in);
  std::string_view line;
  std::string note;
  std::uint64_t size = 0;
  if (!lines.next(line) || !is_utf8(line) || !take(line, R"({"checkpoint":)") ||
      !take_json_string(line, note) || !take(line, R"(,"entries":)") ||
      !take_number(line, crypto::tree_size_max, size) || line != R"(,"format":"dayaq-audit-log/1"})") {
    return no_export("the first line");
  }
  if (size > 0 || !note.empty()) check.stored_checkpoint(note, size);
  ExportLine entry;
  while (check.next_index() < size) {
    const std::uint64_t index = check.next_index();
    if (!lines.next(line)) {
      check.fault(FaultKind::missing_entry, index,
                  fmt::format("Entry {} is missing: the file ends before it.", index));
      return check.finish();
    }
    if (!parse_line(line, entry)) {
      check.fault(FaultKind::changed_entry, index,
                  fmt::format("Line {} can't be read as entry {}.", index + 2, index));
      return check.finish();
    }
    if (!check.add(entry.row)) return check.finish();
    if (check.last_hash() != entry.hash) check.doubt(index);
    (void)check.take_full();
    if (options.progress && check.next_index() % 16384 == 0) options.progress(check.next_index(), size);
  }
  if (lines.next(line) || !lines.at_end()) {
    check.fault(FaultKind::stray_row, size,
                fmt::format("There is more after the {} entries of the first line.", size));
  }
  if (const auto covered = check.signed_size(); covered && *covered < size) {
    check.fault(FaultKind::stray_row, *covered,
                fmt::format("There are {} entries, but the checkpoint covers {}.", size, *covered));
  }
  if (in.bad()) return no_export("the file can't be read");
  return check.finish();
}

}  // namespace dayaq::audit
