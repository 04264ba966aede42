// links: dayaq::crypto
// What is read is written in the one exact form, which reads back as the same.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "crypto/cbor.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq;
  using namespace dayaq::crypto;
  const BytesView bytes = std::as_bytes(std::span(data, size));
  const auto value = cbor::parse(bytes);
  const auto exact = cbor::parse(bytes, cbor::Form::deterministic);
  DAYAQ_ASSERT(value || !exact);
  if (!value) return 0;
  const Bytes written = cbor::encode(*value);
  DAYAQ_ASSERT(written.size() <= size);
  DAYAQ_ASSERT(exact.has_value() == std::ranges::equal(written, bytes));
  const auto again = cbor::parse(written, cbor::Form::deterministic);
  DAYAQ_ASSERT(again && cbor::encode(*again) == written);
  BytesView rest = bytes;
  DAYAQ_ASSERT(cbor::take(rest) && rest.empty());
  return 0;
}
