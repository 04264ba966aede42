// links: dayaq::identity_account
// What is under way while somebody signs in: read only if it is exactly what is written; sealed text that
// wasn't sealed here opens never; a way back is a path of this site.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>

#include "identity/account/sealed.hpp"
#include "identity/account/sign_in_state.hpp"

namespace {

using namespace dayaq;

const crypto::MasterKey& master() {
  static const crypto::MasterKey key = [] {
    std::string folder = (std::filesystem::temp_directory_path() / "sign-in-fuzz-XXXXXX").string();
    DAYAQ_ASSERT(::mkdtemp(folder.data()) != nullptr);
    SystemRandom random;
    auto made = crypto::MasterKey::create(std::filesystem::path(folder) / "master", random);
    std::filesystem::remove_all(folder);
    DAYAQ_ASSERT(made.has_value());
    return std::move(*made);
  }();
  return key;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq::identity;
  const BytesView bytes = std::as_bytes(std::span(data, size));
  if (const auto attempt = decode_attempt(bytes)) {
    const Bytes again = encode(*attempt);
    DAYAQ_ASSERT(std::ranges::equal(again, bytes));
  }
  const std::string then = checked_then(as_text(bytes));
  DAYAQ_ASSERT(then.starts_with('/') && !then.starts_with("//") && then.find('\\') == std::string::npos);
  const Instant now = from_micros(1'800'000'000'000'000);
  const Seal seal_here{.purpose = "sign-in", .bound_to = "a browser"};
  DAYAQ_ASSERT(!unseal(master(), seal_here, as_text(bytes), now));
  // What was sealed here opens as it was, and no more with one bit changed.
  SeededRandom random(size);
  std::string text = seal(master(), random, seal_here, bytes, now + std::chrono::minutes(1));
  if (text.size() <= sealed_size_max * 3 / 4) {
    const auto opened = unseal(master(), seal_here, text, now);
    DAYAQ_ASSERT(opened && std::ranges::equal(opened->content, bytes));
  }
  const std::size_t at = size == 0 ? 0 : data[0] % text.size();
  text[at] = text[at] == 'A' ? 'B' : 'A';
  DAYAQ_ASSERT(!unseal(master(), seal_here, text, now));
  return 0;
}
