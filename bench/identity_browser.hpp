// A person at a browser as cheap as can be: one keep-alive connection, cookies, redirects, forms. For loads
// of logins.
#pragma once

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dayaq::bench {

struct HttpAnswer {
  int status = 0;
  std::map<std::string, std::string> headers;  ///< names in small letters; set-cookie isn't among them
  std::vector<std::string> cookies;            ///< the values of set-cookie
  std::string body;
};

/// A blocking connection to 127.0.0.1, opened again when the server closed it. Throws std::runtime_error.
class Connection {
 public:
  explicit Connection(std::uint16_t port) : port_(port) {}
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  /// Sends a whole request and reads its answer, of a known length or in chunks.
  HttpAnswer ask(const std::string& request);

 private:
  void open();
  void close();
  void send_all(const std::string& request);
  /// Reads more into buffer_; false: the other side closed.
  bool more();
  std::string take_line();
  std::string take(std::size_t size);

  std::uint16_t port_;
  int socket_ = -1;
  std::string buffer_;
  std::size_t at_ = 0;
};

using Fields = std::vector<std::pair<std::string, std::string>>;
[[nodiscard]] std::string value_of(const Fields& fields, std::string_view name);  ///< "" if there is none
void set(Fields& fields, const std::string& name, std::string value);

struct HtmlForm {
  std::string action;   ///< a path
  std::string passkey;  ///< the attribute data-passkey: options as JSON
  Fields fields;        ///< hidden ones and ticked boxes
};

struct Page {
  std::string path;
  std::string html;
  std::string left;  ///< where a redirect led away from the site, else ""
};

/// The forms of a page, as far as a load needs them.
[[nodiscard]] std::vector<HtmlForm> forms_of(const Page& page);

/// A browser that was just opened: no cookies yet.
class Browser {
 public:
  Browser(Connection& connection, std::string origin) : connection_(connection), origin_(std::move(origin)) {}
  /// Follows redirects within the site.
  Page get(std::string path);
  Page post(const std::string& path, const Fields& fields);

 private:
  Page follow(std::string path, HttpAnswer answer);
  [[nodiscard]] std::string head(std::string_view method, std::string_view path) const;
  void keep(const HttpAnswer& answer);

  Connection& connection_;
  std::string origin_;
  std::map<std::string, std::string> cookies_;
};

[[nodiscard]] std::string url_encode(std::string_view text);
[[nodiscard]] std::string query_value(std::string_view url,
                                      std::string_view name);  ///< decoded; "" if it isn't there
/// The text of a member of a JSON object, wherever it stands; for members without escapes. "" if it isn't
/// there.
[[nodiscard]] std::string json_text(std::string_view json, std::string_view member);

}  // namespace dayaq::bench
