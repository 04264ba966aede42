#include "identity_browser.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace dayaq::bench {
namespace {

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return char(std::tolower(c)); });
  return text;
}

std::string unescape_html(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, char>, 7> entities{{{"&amp;", '&'},
                                                                       {"&lt;", '<'},
                                                                       {"&gt;", '>'},
                                                                       {"&quot;", '"'},
                                                                       {"&#34;", '"'},
                                                                       {"&#39;", '\''},
                                                                       {"&#x27;", '\''}}};
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto found = std::ranges::find_if(
        entities, [&](const auto& one) { return text.substr(i).starts_with(one.first); });
    if (found == entities.end()) {
      out += text[i];
    } else {
      out += found->second;
      i += found->first.size() - 1;
    }
  }
  return out;
}

/// The value of an attribute of a tag, quoted by " or '.
std::string attribute(std::string_view tag, std::string_view name) {
  for (std::size_t at = tag.find(name); at != std::string_view::npos; at = tag.find(name, at + 1)) {
    if (at == 0 || !std::isspace(static_cast<unsigned char>(tag[at - 1]))) continue;
    const std::string_view rest = tag.substr(at + name.size());
    if (rest.size() < 2 || rest[0] != '=' || (rest[1] != '"' && rest[1] != '\'')) continue;
    return unescape_html(rest.substr(2, rest.find(rest[1], 2) - 2));
  }
  return "";
}

/// The path of an address of this site, or "" if it leads elsewhere.
std::string path_of(std::string_view address, std::string_view origin) {
  if (address.starts_with(origin)) address.remove_prefix(origin.size());
  return address.starts_with('/') ? std::string(address) : "";
}

}  // namespace

Connection::~Connection() {
  close();
}

void Connection::close() {
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
  buffer_.clear();
  at_ = 0;
}

void Connection::open() {
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port_);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int on = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    close();
    throw std::runtime_error("can't connect");
  }
}

void Connection::send_all(const std::string& request) {
  for (std::size_t sent = 0; sent < request.size();) {
    const ssize_t n = ::send(socket_, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) throw std::runtime_error("the connection broke");
    sent += static_cast<std::size_t>(n);
  }
}

bool Connection::more() {
  std::array<char, 16384> part{};
  const ssize_t n = ::recv(socket_, part.data(), part.size(), 0);
  if (n <= 0) return false;
  buffer_.append(part.data(), static_cast<std::size_t>(n));
  return true;
}

std::string Connection::take_line() {
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n", at_)) == std::string::npos) {
    if (!more()) throw std::runtime_error("the connection broke");
  }
  std::string line = buffer_.substr(at_, end - at_);
  at_ = end + 2;
  return line;
}

std::string Connection::take(std::size_t size) {
  while (buffer_.size() - at_ < size) {
    if (!more()) throw std::runtime_error("the connection broke");
  }
  std::string part = buffer_.substr(at_, size);
  at_ += size;
  return part;
}

HttpAnswer Connection::ask(const std::string& request) {
  if (socket_ < 0) open();
  buffer_.erase(0, at_);
  at_ = 0;
  send_all(request);
  HttpAnswer answer;
  const std::string status = take_line();
  if (status.size() < 12 || !status.starts_with("HTTP/1.1 ")) throw std::runtime_error("not HTTP: " + status);
  std::from_chars(status.data() + 9, status.data() + 12, answer.status);
  for (std::string line = take_line(); !line.empty(); line = take_line()) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) throw std::runtime_error("not a header: " + line);
    const std::string name = lower(line.substr(0, colon));
    const std::string value = line.substr(std::min(line.size(), line.find_first_not_of(' ', colon + 1)));
    if (name == "set-cookie") {
      answer.cookies.push_back(value);
    } else {
      answer.headers[name] = value;
    }
  }
  if (answer.headers.contains("content-length")) {
    answer.body = take(std::stoul(answer.headers["content-length"]));
  } else if (answer.headers["transfer-encoding"] == "chunked") {
    for (std::size_t size = std::stoul(take_line(), nullptr, 16); size != 0;
         size = std::stoul(take_line(), nullptr, 16)) {
      answer.body += take(size);
      take_line();
    }
    take_line();
  }
  if (lower(answer.headers["connection"]) == "close") close();
  return answer;
}

std::string value_of(const Fields& fields, std::string_view name) {
  const auto found = std::ranges::find(fields, name, &std::pair<std::string, std::string>::first);
  return found == fields.end() ? "" : found->second;
}

void set(Fields& fields, const std::string& name, std::string value) {
  const auto found = std::ranges::find(fields, name, &std::pair<std::string, std::string>::first);
  if (found == fields.end()) {
    fields.emplace_back(name, std::move(value));
  } else {
    found->second = std::move(value);
  }
}

std::vector<HtmlForm> forms_of(const Page& page) {
  std::vector<HtmlForm> forms;
  const std::string_view html = page.html;
  for (std::size_t at = html.find("<form"); at != std::string_view::npos; at = html.find("<form", at + 1)) {
    const std::string_view inside = html.substr(at, html.find("</form>", at) - at);
    const std::string_view tag = inside.substr(0, inside.find('>'));
    HtmlForm form{
        .action = attribute(tag, "action"), .passkey = attribute(tag, "data-passkey"), .fields = {}};
    if (const auto scheme = form.action.find("://"); scheme != std::string::npos) {
      form.action.erase(0, form.action.find('/', scheme + 3));
    }
    for (std::size_t i = inside.find("<input"); i != std::string_view::npos;
         i = inside.find("<input", i + 1)) {
      const std::string_view input = inside.substr(i, inside.find('>', i) - i);
      const std::string type = attribute(input, "type");
      const bool ticked = type == "checkbox" && input.find(" checked") != std::string_view::npos;
      if (type == "hidden" || ticked)
        form.fields.emplace_back(attribute(input, "name"), attribute(input, "value"));
    }
    forms.push_back(std::move(form));
  }
  return forms;
}

std::string Browser::head(std::string_view method, std::string_view path) const {
  std::string cookie;
  for (const auto& [name, value] : cookies_)
    cookie += fmt::format("{}{}={}", cookie.empty() ? "" : "; ", name, value);
  return fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nAccept: text/html\r\n{}", method, path,
                     origin_.substr(origin_.find("://") + 3),
                     cookie.empty() ? "" : "Cookie: " + cookie + "\r\n");
}

void Browser::keep(const HttpAnswer& answer) {
  for (const std::string& cookie : answer.cookies) {
    const std::string pair = cookie.substr(0, cookie.find(';'));
    const auto at = pair.find('=');
    const std::string value = pair.substr(at + 1);
    const bool gone = value.empty() || cookie.find("Max-Age=0") != std::string::npos ||
                      cookie.find("expires=Thu, 01 Jan 1970") != std::string::npos;
    if (gone) {
      cookies_.erase(pair.substr(0, at));
    } else {
      cookies_[pair.substr(0, at)] = value;
    }
  }
}

Page Browser::get(std::string path) {
  HttpAnswer answer = connection_.ask(head("GET", path) + "\r\n");
  return follow(std::move(path), std::move(answer));
}

Page Browser::post(const std::string& path, const Fields& fields) {
  std::string body;
  for (const auto& [name, value] : fields)
    body += fmt::format("{}{}={}", body.empty() ? "" : "&", url_encode(name), url_encode(value));
  return follow(
      path,
      connection_.ask(fmt::format(
          "{}Origin: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{}",
          head("POST", path), origin_, body.size(), body)));
}

Page Browser::follow(std::string path, HttpAnswer answer) {
  for (int hops = 0; hops < 12; ++hops) {
    keep(answer);
    const auto location = answer.headers.find("location");
    if (answer.status < 300 || answer.status >= 400 || location == answer.headers.end()) {
      if (answer.status != 200)
        throw std::runtime_error(fmt::format("{}: {} {}", path, answer.status, answer.body.substr(0, 800)));
      return {.path = path, .html = std::move(answer.body), .left = ""};
    }
    const std::string next = path_of(location->second, origin_);
    if (next.empty()) return {.path = path, .html = "", .left = location->second};
    path = next;
    answer = connection_.ask(head("GET", path) + "\r\n");
  }
  throw std::runtime_error("redirected in circles: " + path);
}

std::string url_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) ||
        std::string_view("-._~").find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string query_value(std::string_view url, std::string_view name) {
  const std::string wanted = std::string(name) + "=";
  for (std::size_t at = url.find(wanted); at != std::string_view::npos; at = url.find(wanted, at + 1)) {
    if (at == 0 || (url[at - 1] != '?' && url[at - 1] != '&')) continue;
    const std::string_view raw =
        url.substr(at + wanted.size(), url.find_first_of("&#", at) - at - wanted.size());
    std::string out;
    for (std::size_t i = 0; i < raw.size(); ++i) {
      if (raw[i] == '%' && i + 2 < raw.size()) {
        unsigned value = 0;
        std::from_chars(raw.data() + i + 1, raw.data() + i + 3, value, 16);
        out += char(value);
        i += 2;
      } else {
        out += raw[i];
      }
    }
    return out;
  }
  return "";
}

std::string json_text(std::string_view json, std::string_view member) {
  const std::string wanted = fmt::format("\"{}\":\"", member);
  const auto at = json.find(wanted);
  if (at == std::string_view::npos) return "";
  const auto start = at + wanted.size();
  return std::string(json.substr(start, json.find('"', start) - start));
}

}  // namespace dayaq::bench
