#include "upgrade.hpp"

#include <unistd.h>

namespace dayaq::edge {

Result<void> give(const Successor& next, Inherited inherited) {
  return diameter::send_inheritance(next.socket(), std::move(inherited.sockets));
}

Result<Inherited> take_inheritance(int socket) {
  DAYAQ_TRY_OK(tell_predecessor_ready(socket));
  DAYAQ_TRY(diameter::Inheritance sockets, diameter::receive_inheritance(socket));
  ::close(socket);
  return Inherited{.sockets = std::move(sockets), .any = true};
}

}  // namespace dayaq::edge
