// One request to a page: who is there, and how they are answered.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.hpp"
#include "identity/web/web.hpp"
#include "portal/upload.hpp"

namespace dayaq::identity::web {

/// What is said at the top of a page that was sent back: a note and its tone.
struct Note {
  std::string_view text_key;  ///< in web/text; "" for none
  bool bad = true;
};

class Visit {
 public:
  Visit(const Web& of, const http::Request& asked, Instant t);

  const Web& web;
  const http::Request& request;
  Instant now;
  portal::Page page;
  std::string token;               ///< of the session's cookie, "" without one
  std::optional<Session> session;  ///< who is signed in

  /// Finds the session that the cookie names.
  Result<void> find_session();
  [[nodiscard]] const std::string& text(std::string_view key) const { return page.format().text(key); }
  [[nodiscard]] std::string fill(std::string_view key, portal::Texts::Names names) const {
    return page.format().fill(key, names);
  }
  /// A field of the form that was sent, urlencoded or multipart; "" if there is none.
  [[nodiscard]] std::string form(std::string_view name) const;
  /// All values of a field, in order: of check boxes.
  [[nodiscard]] std::vector<std::string> form_all(std::string_view name) const;
  [[nodiscard]] std::string query(std::string_view name) const {
    return request.query_value(name).value_or("");
  }
  /// Who asks to sign in, for the limits: bound to the browser's attempt cookie, which is drawn if missing.
  [[nodiscard]] Caller caller();
  /// A path of this page with the language kept.
  [[nodiscard]] portal::Here here(std::string_view menu = "/my") const;

  /// The content's template, with the form's token set.
  portal::View& content(std::string file);
  /// The same for a page below /my: with the menu of those pages.
  portal::View& my_content(std::string file);
  /// The small script that passes passkeys on.
  void add_script(portal::View& view) const;

  /// The page in its frame. Never stored by anybody: it is about one person.
  [[nodiscard]] Result<http::Response> html(std::string_view title_key, int status = 200);
  [[nodiscard]] Result<http::Response> html_titled(const std::string& title, int status = 200);
  /// 303; with the cookies that were set.
  [[nodiscard]] http::Response redirect(std::string location) const;
  /// A page that says why something was refused, with a way on.
  [[nodiscard]] http::Response refuse(const Error& error);
  [[nodiscard]] Result<http::Response> notice(std::string_view title_key, const std::string& text,
                                              std::string_view next_path, std::string_view next_key);

  void set_cookie(std::string cookie) { cookies_.push_back(std::move(cookie)); }
  /// Where forms of this page may lead besides this site: the redirect URIs of a client.
  void allow_forms_to(const oidc::Client& client);
  void allow_forms_to_origin(const std::string& origin) { form_sources_.push_back(origin); }
  void open_session(const SessionToken& opened, const Session& of);

 private:
  void add_headers(http::Response& response) const;
  [[nodiscard]] const std::vector<portal::FormPart>* parts() const;

  mutable std::optional<std::vector<portal::FormPart>> parts_;  // of a multipart form, read once
  std::vector<std::string> cookies_;
  std::vector<std::string> form_sources_;
  std::string attempt_;
  std::string form_token_;
};

/// What a person is told of an error: a text of ours by its code, or a general one by its kind.
[[nodiscard]] std::string_view error_text_key(const Error& error);

enum class Form : std::uint8_t {
  none,      ///< a GET
  anybody,   ///< a form of a page that needs no session: its origin is checked
  session,   ///< its origin and the session's token are checked
  at_door,   ///< where identity cards are shown: a form of ours, which comes from another port
  anywhere,  ///< other sites may send it: POST /oauth/authorize
};
struct PageRoute {
  http::Method method = http::Method::get;
  const char* pattern = "";
  const char* operation = "";
  const char* summary = "";
  Assurance signed_in = Assurance::none;
  Form form = Form::none;
  std::size_t body_max = std::size_t{192} << 10;  ///< a passkey's answer may be 128 KiB
  http::Gate* gate = nullptr;  ///< it stands behind this gate, and yields to other pages on the workers
};
using PageFunction = Result<http::Response> (*)(Visit&);
/// May hold what pages of other rooms stand on.
using PageHandler = std::function<Result<http::Response>(Visit&)>;
void add_page(http::Router& router, const Web& web, const PageRoute& route, PageHandler handler);

struct SignedInPage {
  http::Method method;
  const char* pattern;
  const char* operation;
  const char* summary;
  PageFunction handler;
};
/// Pages of whoever is signed in at that level; their forms carry the session's token.
void add_signed_in_pages(http::Router& router, const Web& web, Assurance least,
                         std::span<const SignedInPage> pages);

// The pages, by file.
void add_sign_in_pages(http::Router& router, const Web& web);
void add_enrol_pages(http::Router& router, const Web& web);
void add_card_pages(http::Router& router, const Web& web);
void add_client_pages(http::Router& router, const Web& web);
void add_correction_pages(http::Router& router, const Web& web);
void add_my_pages(http::Router& router, const Web& web);
void add_authenticator_pages(http::Router& router, const Web& web);
void add_relation_pages(http::Router& router, const Web& web);
void add_access_pages(http::Router& router, const Web& web);
void add_oauth_pages(http::Router& router, const Web& web);
void add_office_pages(http::Router& router, const Web& web);
void add_demo_pages(http::Router& router, const Web& web);

/// The form that leads to where identity cards are shown; null if they aren't taken here.
portal::View* add_card_form(Visit& visit, portal::View& view, std::string_view path);
/// Whether the form that adds a card is of this session and not too old. invalid_input "signin.expired".
[[nodiscard]] Result<void> check_adding_card(const Visit& visit);
/// Why a card was refused, as the address of the page says it (`card`); "" if it doesn't.
[[nodiscard]] std::string_view card_note_key(const Visit& visit);

/// What the person asked to have corrected, and what came of it.
Result<void> add_own_corrections(Visit& visit, portal::View& view);

/// "JBSW Y3DP ...": a secret as people type it.
[[nodiscard]] std::string in_groups(std::string_view secret);
/// The name of an authenticator's kind in web/text.
[[nodiscard]] std::string_view authenticator_kind_key(AuthenticatorKind kind);
/// The name of a level of assurance in web/text.
[[nodiscard]] std::string_view assurance_key(Assurance assurance);
/// A claim in the reader's words: "Student", "Over 18"; its own name if there are none.
[[nodiscard]] std::string claim_name(const Visit& visit, std::string_view name);
/// Whose things the pages below /my are about: one's own, or those of whom one acts for.
[[nodiscard]] PersonId subject_of(const Session& session);
/// "baku-city-hospital" to its name; the code as it stands if there is none.
[[nodiscard]] std::string organisation_name(const Visit& visit, std::string_view code);
/// A person's name as the registry has it, "" if it is unknown.
[[nodiscard]] Result<std::string> name_of(store::Session& db, const Visit& visit, PersonId person);

/// The sign-in page at one of its steps; `then`: where it leads, `client`: for whom.
[[nodiscard]] Result<http::Response> sign_in_page(Visit& visit, const SignInView& view,
                                                  const std::string& then, const std::string& client,
                                                  Note note);

}  // namespace dayaq::identity::web
