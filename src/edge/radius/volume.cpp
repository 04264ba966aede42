#include "edge/radius/volume.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

namespace dayaq::edge::radius {
namespace {

constexpr std::array<std::string_view, 4> names{"{total}", "{gigawords}", "{left}", "{kilobytes}"};
using Values = std::array<std::uint64_t, names.size()>;

std::string filled(std::string text, const Values& values) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    for (std::size_t at = 0; (at = text.find(names[i], at)) != text.npos;) {
      text.replace(at, names[i].size(), std::to_string(values[i]));
    }
  }
  return text;
}

std::unexpected<Error> bad(std::string_view text, std::string_view why) {
  return fail(ErrorKind::invalid_input, "radius.attribute",
              fmt::format("The RADIUS attribute \"{}\" can't be used for a volume: {}.", text, why));
}

}  // namespace

Result<VolumeAttributes> VolumeAttributes::create(std::span<const std::string> texts) {
  VolumeAttributes out;
  AttributeList list;
  bool total = false, gigawords = false;
  for (const std::string& text : texts) {
    const std::string tried = filled(text, {});
    if (tried == text) return bad(text, "it has none of {total}, {gigawords}, {left}, {kilobytes}");
    if (tried.find_first_of("{}") != tried.npos) return bad(text, "what is in its braces has no such name");
    DAYAQ_TRY_OK(add_attribute(tried, list));
    total = total || text.contains(names[0]);
    gigawords = gigawords || text.contains(names[1]);
    out.texts_.push_back(text);
  }
  if (total && !gigawords) {
    return bad("{total}", "without {gigawords} beside it a session would end at every 4 GiB");
  }
  out.kinds_ = std::move(list.kinds);
  return out;
}

Bytes VolumeAttributes::encoded(std::uint64_t octets, std::uint64_t total) const {
  constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
  const std::uint64_t left = total > octets ? total - octets : 0;
  const Values values{total & most, total >> 32, std::min(left, most), std::min(left >> 10, most)};
  AttributeList list;
  for (const std::string& text : texts_) {
    if (!add_attribute(filled(text, values), list)) continue;  // create() has tried it
  }
  return std::move(list.encoded);
}

}  // namespace dayaq::edge::radius
