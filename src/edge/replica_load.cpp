#include "edge/replica_load.hpp"

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/siphash.hpp"

namespace dayaq::edge {
namespace {

constexpr std::size_t ahead = 16;  // slots fetched before they are written

std::unexpected<Error> damaged(std::string detail) {
  return fail(
      ErrorKind::conflict, "replica.damaged",
      "The replica on disk is damaged: remove its folders snapshot and changes, and the edge will take a "
      "new snapshot from the centre. Look at the disk before.",
      std::move(detail));
}

Result<void> check_kind(const feed::Block& block, const ReplicaOptions& options, feed::BlockKind kind) {
  if (block.kind != kind) {
    return fail(ErrorKind::invalid_input, "replica.kind",
                "A block of changes came where a page of a snapshot belongs, or the other way round.");
  }
  if (block.operator_code != options.operator_code) {
    return fail(
        ErrorKind::forbidden, "replica.operator",
        "This block is of another operator's feed: check the operator's code and the key to the centre.",
        block.operator_code);
  }
  return {};
}

class Loader {
 public:
  Loader(const ReplicaOptions& options, ReplicaDisk& disk, Known& known)
      : options_(options), disk_(disk), known_(known) {}

  /// False if there is no image to take over, or it doesn't fit what is on disk.
  bool take_over(const ImageIdentity& identity) {
    known_.image = Image::take_over(image_folder(options_), identity);
    if (!known_.image || !known_.measures.load(measures_path(options_))) return false;
    known_.sequence = known_.image->mark();
    known_.said = known_.image->said();
    if (known_.sequence < identity.snapshot_number) return false;
    if (known_.sequence > identity.snapshot_number && disk_.last_change() < known_.sequence) return false;
    if (!changes()) return false;
    known_.from_image = true;
    return true;
  }

  Result<void> build(const ImageIdentity& identity) {
    known_.measures.clear();
    known_.sequence = 0;
    known_.said = instant_min;
    known_.change_blocks = 0;
    DAYAQ_TRY(const std::uint64_t lines, disk_.snapshot_lines());
    DAYAQ_TRY(known_.image, Image::create(image_folder(options_), identity, lines));
    DAYAQ_TRY_OK(snapshot());
    return changes();
  }

 private:
  Result<void> snapshot();
  Result<void> changes();
  Result<void> after_failure(const std::vector<std::filesystem::path>& files, const BlockPlace& place,
                             const Error& error);
  Result<void> take(const feed::Block& block) {
    for (Measure& measure : known_.measures.news(block.definitions)) known_.measures.put(std::move(measure));
    known_.measures.keep(block.definitions);
    return fill(known_.image, block);
  }

  const ReplicaOptions& options_;
  ReplicaDisk& disk_;
  Known& known_;
};

Result<void> Loader::snapshot() {
  const auto files = disk_.snapshot_files();
  std::uint32_t page = 0;
  std::uint32_t pages = 0;
  std::optional<Error> error;
  DAYAQ_TRY_OK(read_blocks(files, options_.centre_keys, options_.threads, 0,
                           [&](const BlockPlace&, Result<feed::Block>&& block) {
                             if (!block) {
                               error = block.error();
                               return false;
                             }
                             if (page == 0) {
                               pages = block->pages;
                               known_.sequence = block->first_sequence;
                               known_.said = block->created;
                             }
                             auto done = check_page(*block, options_, page, pages, known_.sequence);
                             if (done) done = take(*block);
                             ++page;
                             if (!done) error = done.error();
                             return done.has_value();
                           }));
  if (!error && page < pages) error = damaged("pages are missing").error();
  if (error) {
    // The first page is whole but for the signature: rather the wrong key than a damaged disk.
    if (page == 0 && error->code == "feed.signature") return std::unexpected(in_our_words(std::move(*error)));
    if (error->kind == ErrorKind::unavailable || error->code == "replica.operator")
      return std::unexpected(*error);
    return damaged(fmt::format("snapshot, page {}: {} {}", page, error->code, error->detail));
  }
  known_.has_snapshot = !files.empty();
  return {};
}

Result<void> Loader::changes() {
  const auto files = disk_.change_files(known_.sequence);
  const std::uint64_t snapshot_number = known_.sequence;
  std::optional<Error> error;
  BlockPlace where;
  DAYAQ_TRY_OK(read_blocks(files, options_.centre_keys, options_.threads, snapshot_number,
                           [&](const BlockPlace& place, Result<feed::Block>&& block) {
                             where = place;
                             auto done =
                                 block ? Result<void>() : Result<void>(std::unexpected(block.error()));
                             if (done) done = check_changes(*block, options_, known_.sequence);
                             // Written twice: it was not installed the first time.
                             if (!done && done.error().code == "replica.replay") return true;
                             if (done) done = take(*block);
                             if (!done) {
                               error = done.error();
                               return false;
                             }
                             known_.sequence = block->last_sequence();
                             known_.said = block->created;
                             ++known_.change_blocks;
                             return true;
                           }));
  if (!error) return {};
  if (error->kind == ErrorKind::unavailable || error->code == "replica.operator")
    return std::unexpected(*error);
  return after_failure(files, where, *error);
}

/// A torn tail is cut off; anything else is damage, after which, where the edge heals itself, all is cut off
/// too: the feed says it again.
Result<void> Loader::after_failure(const std::vector<std::filesystem::path>& files, const BlockPlace& place,
                                   const Error& error) {
  const auto& file = files[place.file];
  DAYAQ_TRY(const bool more, ReplicaDisk::block_after(file, place.offset, options_.centre_keys));
  const bool torn = place.file + 1 == files.size() && !more && error.code.starts_with("feed.");
  const std::string detail =
      fmt::format("{} at {}: {} {}", file.string(), place.offset, error.code, error.detail);
  if (!torn && !options_.heal) return damaged(detail);
  if (torn) {
    log::info("replica.torn",
              "a write of changes was cut off by a crash; it will be read again from the feed",
              {{"file", file.filename().string()}, {"bytes", place.bytes}});
  } else {
    known_.set_aside = detail;
    log::warning("replica.damaged", "changes on disk are damaged and were cut off; they will be read again",
                 {{"detail", detail}, {"sequence", known_.sequence}});
  }
  for (std::size_t i = place.file + 1; i < files.size(); ++i) DAYAQ_TRY_OK(ReplicaDisk::remove(files[i]));
  return ReplicaDisk::cut(file, place.offset);
}

}  // namespace

Error in_our_words(Error error) {
  if (error.code == "feed.signature") error.code = "replica.signature";
  return error;
}

Result<feed::Block> decode_signed(BytesView& in, const std::vector<crypto::PublicKey>& keys) {
  auto block = feed::decode(in, keys);
  if (!block) return std::unexpected(in_our_words(std::move(block).error()));
  return block;
}

Result<void> check_changes(const feed::Block& block, const ReplicaOptions& options, std::uint64_t sequence) {
  DAYAQ_TRY_OK(check_kind(block, options, feed::BlockKind::changes));
  if (block.first_sequence > sequence + 1) {
    return fail(ErrorKind::conflict, "replica.gap",
                "Numbers of the feed are missing: somebody in between dropped them, or the centre did.",
                fmt::format("{} after {}", block.first_sequence, sequence));
  }
  if (block.first_sequence == 0 || block.last_sequence() <= sequence) {
    return fail(ErrorKind::conflict, "replica.replay", "This block of the feed is known already.",
                fmt::format("up to {} after {}", block.last_sequence(), sequence));
  }
  return {};
}

Result<void> check_page(const feed::Block& block, const ReplicaOptions& options, std::uint32_t page,
                        std::uint32_t pages, std::uint64_t number) {
  DAYAQ_TRY_OK(check_kind(block, options, feed::BlockKind::snapshot));
  if (block.page != page || block.pages != pages || (page > 0 && block.first_sequence < number)) {
    return fail(ErrorKind::conflict, "replica.pages",
                "The snapshot's pages don't belong together: take it again from the first page.",
                fmt::format("page {} of {} as of {}, not {} of {} as of {}", block.page, block.pages,
                            block.first_sequence, page, pages, number));
  }
  return {};
}

Result<void> fill(std::unique_ptr<Image>& image, const feed::Block& block) {
  if (!image->has_room(block.lines.size())) {
    DAYAQ_TRY(image, image->remade(block.lines.size()));
  }
  std::vector<ListNumber> lists;
  lists.reserve(block.lists.size());
  for (const feed::GrantList& list : block.lists) {
    DAYAQ_TRY(const ListNumber number, image->intern(list));
    lists.push_back(number);
  }
  for (std::size_t i = 0; i < block.lines.size(); ++i) {
    if (i + ahead < block.lines.size()) image->prefetch(block.lines[i + ahead].key);
    image->set(block.lines[i].key, lists[block.lines[i].list]);
  }
  return {};
}

ImageIdentity identity_of(const ReplicaOptions& options, const std::optional<feed::Header>& snapshot) {
  std::string trust = options.operator_code;
  for (const crypto::PublicKey& key : options.centre_keys) trust.append("|").append(as_text(key));
  return {.boot = options.boot.empty() ? boot_id() : options.boot,
          .trust = siphash(SipKey{}, trust),
          .snapshot_number = snapshot ? snapshot->first_sequence : 0,
          .snapshot_created = snapshot ? to_micros(snapshot->created) : 0};
}

std::filesystem::path image_folder(const ReplicaOptions& options) {
  return options.image_folder.empty() ? options.folder : options.image_folder;
}
std::filesystem::path measures_path(const ReplicaOptions& options) {
  return image_folder(options) / "replica.measures";
}

Result<void> load(const ReplicaOptions& options, ReplicaDisk& disk, Known& known) {
  std::error_code error;
  std::filesystem::create_directories(image_folder(options), error);
  if (error) return disk_failed("make", image_folder(options), error.value());
  DAYAQ_TRY(const auto header, disk.snapshot_header());
  const ImageIdentity identity = identity_of(options, header);
  Loader loader(options, disk, known);
  if (loader.take_over(identity)) {
    known.has_snapshot = header.has_value();
    if (!known.image->published()) DAYAQ_TRY_OK(known.image->publish(nullptr));
    // A definition among the changes may be new to the file beside the image.
    if (known.change_blocks > 0) DAYAQ_TRY_OK(known.measures.save(measures_path(options)));
  } else {
    known.image.reset();
    Image::remove_others(image_folder(options), nullptr);
    auto built = loader.build(identity);
    if (!built && options.heal && built.error().code == "replica.damaged") {
      log::warning("replica.damaged", "the snapshot on disk is damaged; a new one is needed from the centre",
                   {{"detail", built.error().detail}});
      known.set_aside = built.error().detail;
      // An older one isn't taken because this one was lost.
      if (known.sequence > 0) DAYAQ_TRY_OK(disk.set_floor(known.sequence));
      DAYAQ_TRY_OK(disk.set_aside());
      built = loader.build(identity_of(options, std::nullopt));
    }
    DAYAQ_TRY_OK(std::move(built));
    DAYAQ_TRY_OK(known.measures.save(measures_path(options)));
    known.image->mark(known.sequence, known.said);
    DAYAQ_TRY_OK(known.image->publish(nullptr));
  }
  known.image->mark(known.sequence, known.said);
  Image::remove_others(image_folder(options), known.image.get());
  known.snapshot_bytes = disk.snapshot_bytes();
  known.change_bytes = disk.change_bytes();
  return disk.resume();
}

}  // namespace dayaq::edge
