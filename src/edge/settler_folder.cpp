#include "edge/settler_folder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "base/file.hpp"

namespace dayaq::edge {
namespace {

constexpr std::string_view suffix = ".batch";

std::unexpected<Error> damaged(std::string detail) {
  return fail(
      ErrorKind::conflict, "settler.folder",
      "The settlement folder doesn't hold what was written to it. Put its files back from a backup, or "
      "enrol this edge under a new name once its records are settled from the operator's own.",
      std::move(detail));
}

std::optional<std::uint64_t> number_of(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Result<std::vector<std::uint64_t>> numbers_in(const std::filesystem::path& folder) {
  std::vector<std::uint64_t> numbers;
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.ends_with(suffix)) continue;
    const auto number = number_of(std::string_view(name).substr(0, name.size() - suffix.size()));
    if (!number) return damaged("not a batch: " + name);
    numbers.push_back(*number);
  }
  if (error) {
    return fail(ErrorKind::unavailable, "settler.disk", "The settlement folder can't be read.",
                error.message());
  }
  std::ranges::sort(numbers);
  return numbers;
}

}  // namespace

std::filesystem::path SettlementFolder::path_of(std::uint64_t number) const {
  return folder_ / fmt::format("{:020}{}", number, suffix);
}

Result<SettlementFolder> SettlementFolder::open(const std::filesystem::path& folder,
                                                const feed::Settlement& identity,
                                                const crypto::PublicKey& key) {
  SettlementFolder out(folder);
  DAYAQ_TRY(const auto numbers, numbers_in(folder));
  if (const auto text = read_file(folder / "confirmed", 64)) {
    const auto number = number_of(std::string_view(*text).substr(0, text->find('\n')));
    if (!number) return damaged("the file `confirmed` isn't a number");
    out.confirmed_ = *number;
  } else if (text.error().kind != ErrorKind::not_found) {
    return std::unexpected(text.error());
  }
  std::uint64_t record = 0;
  for (const std::uint64_t number : numbers) {
    DAYAQ_TRY(const Bytes bytes, out.read(number));
    // Whether the signature is right matters for what will be sent; of the others the header is enough.
    const auto batch = number > out.confirmed_ ? feed::decode_settlement(bytes, std::span(&key, 1))
                                               : feed::decode_settlement_header(bytes);
    if (!batch) return damaged(fmt::format("batch {}: {}", number, batch.error().code));
    if (batch->number != number || batch->operator_code != identity.operator_code ||
        batch->edge != identity.edge) {
      return damaged(
          fmt::format("batch {} is {}/{} {}", number, batch->operator_code, batch->edge, batch->number));
    }
    if (!out.batches_.empty() &&
        (number != out.batches_.back().number + 1 || batch->first_record != record + 1)) {
      return damaged(fmt::format("batch {} doesn't follow {}", number, out.batches_.back().number));
    }
    record = batch->last_record;
    out.batches_.push_back({.number = number, .last_record = record, .created = batch->created});
  }
  const bool reaches = out.batches_.empty() ? out.confirmed_ == 0
                                            : out.confirmed_ <= out.batches_.back().number &&
                                                  out.batches_.front().number <= out.confirmed_ + 1;
  if (!reaches) return damaged(fmt::format("batches up to {} are confirmed", out.confirmed_));
  return out;
}

const SettlementFolder::Batch* SettlementFolder::first_waiting() const {
  return waiting() == 0 ? nullptr : &batches_[batches_.size() - waiting()];
}

Result<void> SettlementFolder::add(const feed::Settlement& batch, BytesView bytes) {
  DAYAQ_ASSERT(batch.number == last_number() + 1 && batch.first_record == last_record() + 1);
  DAYAQ_TRY_OK(write_file_atomically(path_of(batch.number), bytes));
  batches_.push_back({.number = batch.number, .last_record = batch.last_record, .created = batch.created});
  return {};
}

Result<Bytes> SettlementFolder::read(std::uint64_t number) const {
  DAYAQ_TRY(const std::string text, read_file(path_of(number), feed::settlement_bytes_max));
  const BytesView bytes = as_bytes(text);
  return Bytes(bytes.begin(), bytes.end());
}

Result<void> SettlementFolder::confirm(std::uint64_t number) {
  if (number > last_number() || (!batches_.empty() && number + 1 < batches_.front().number)) {
    return damaged(fmt::format("the centre has batches up to {}", number));
  }
  DAYAQ_TRY_OK(write_file_atomically(folder_ / "confirmed", as_bytes(fmt::format("{}\n", number))));
  confirmed_ = number;
  return {};
}

void SettlementFolder::prune(Instant before) {
  while (batches_.size() > 1 && batches_.front().number <= confirmed_ && batches_.front().created < before) {
    std::error_code ignored;  // what can't be removed now is found and removed after the next start
    std::filesystem::remove(path_of(batches_.front().number), ignored);
    batches_.pop_front();
  }
}

}  // namespace dayaq::edge
