// What one commit group says on the feed: collected line by line, written as blocks, one operator after
// another.
#pragma once

#include <map>
#include <memory>
#include <unordered_map>

#include "feed/block.hpp"
#include "regime/derive.hpp"
#include "regime/feed_store.hpp"

namespace dayaq::regime {

/// A block that was written, as readers get it.
struct FeedBlock {
  OrganisationIndex provider = 0;
  std::uint64_t first_sequence = 0;
  std::uint64_t last_sequence = 0;
  std::shared_ptr<const Bytes> bytes;  // shared: the hub hands it to several readers while it is kept
};

/// What a measure gives, in the wire's words.
[[nodiscard]] feed::Definition definition_of(const LawfulMeasure& measure, MeasureNumber number);

/// Blocks hold at most this many lines, so that a reader's memory is bounded.
inline constexpr std::size_t feed_block_lines = 4096;

class FeedWriter {
 public:
  /// `ends`: where each operator's feed stands; `code`: an operator's code; `signer`: the centre's key.
  FeedWriter(const std::map<OrganisationIndex, std::uint64_t>& ends,
             std::function<std::string(OrganisationIndex)> code, const crypto::SigningKey& signer,
             Instant now)
      : ends_(ends), code_(std::move(code)), signer_(signer), now_(now) {}

  void define(OrganisationIndex provider, feed::Definition definition);
  void say(OrganisationIndex provider, LineKey key, std::span<const LineGrant> grants);
  /// Writes what was collected and returns the blocks; call once.
  Result<std::vector<FeedBlock>> write(store::Session& session);

 private:
  struct ListHash {
    std::size_t operator()(const std::vector<LineGrant>& grants) const;
  };
  struct Draft {
    OrganisationIndex provider = 0;
    std::uint64_t next = 1;  ///< the number of the next line
    feed::Block block;
    std::unordered_map<std::vector<LineGrant>, std::uint16_t, ListHash> lists;
    std::vector<LineGrant> last;
    std::uint16_t last_list = 0;
  };
  Draft& draft(OrganisationIndex provider);
  void finish(Draft& draft);

  const std::map<OrganisationIndex, std::uint64_t>& ends_;
  std::function<std::string(OrganisationIndex)> code_;
  const crypto::SigningKey& signer_;
  std::map<OrganisationIndex, Draft> drafts_;
  Instant now_;
  std::vector<FeedBlock> finished_;
};

/// A line's grants in the wire's words.
[[nodiscard]] feed::GrantList wire_grants(std::span<const LineGrant> grants);

}  // namespace dayaq::regime
