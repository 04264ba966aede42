// links: dayaq::identity_oidc
// Codes, refresh tokens and the ids of access tokens: only what was written under the keys is read, and one kind isn't
// taken for another.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "identity/oidc/handles.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dayaq;
  using namespace dayaq::identity::oidc;
  static const HandleKeys keys{.mac = crypto::SecretBytes(32), .mask = crypto::SecretBytes(32)};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const HandleKind kind : {HandleKind::code, HandleKind::refresh, HandleKind::access}) {
    if (const auto handle = read_handle(keys, kind, text); handle && write_handle(keys, *handle) != text) std::abort();
  }
  if (size < 24) return 0;
  BytesView left(reinterpret_cast<const std::byte*>(data), size);
  std::uint64_t person = 0, grant = 0, number = 0;
  if (!take_le(left, person) || !take_le(left, grant) || !take_le(left, number)) std::abort();
  const Handle handle{HandleKind::refresh, PersonId(person), GrantId(grant), number};
  const std::string written = write_handle(keys, handle);
  if (read_handle(keys, HandleKind::refresh, written) != handle) std::abort();
  if (read_handle(keys, HandleKind::code, written) || read_handle(keys, HandleKind::access, written)) std::abort();
  std::string bent = written;
  char& c = bent[data[0] % (bent.size() - 1)];  // the last character has bits that say nothing
  c = c == 'A' ? 'B' : 'A';
  if (read_handle(keys, HandleKind::refresh, bent)) std::abort();
  return 0;
}
