#include "privacy/rules.h"

#include "privacy/boundary.h"
#include "privacy/national_id.h"
#include "privacy/secret.h"

namespace hone::privacy {
namespace {

using Find = std::optional<Finding> (*)(std::string_view text, std::size_t at);

void add_tokens(std::vector<Rule>& all) {
  for (const TokenFormat& format : token_formats()) {
    all.push_back({"token: " + std::string(format.name), format.shape.anchor(), false,
                   [&format](std::string_view text, std::size_t at) {
                     return find_token(text, at, format);
                   }});
  }
}

// A rule whose function reads on from behind the literal.
void add_behind(std::vector<Rule>& all, std::string name, std::string_view literal, Find find) {
  all.push_back({std::move(name), std::string(literal), true,
                 [find, size = literal.size()](std::string_view text, std::size_t at) {
                   return find(text, at + size);
                 }});
}

// Where a longer word ends later, its own trigger comes: "secret" in "secret_key" says nothing.
void add_names(std::vector<Rule>& all) {
  for (const std::string_view word :
       {"passw", "passphrase", "passcode", "kennwort", "pwd", "pass", "secret", "token",
        "credential", "key", "auth", "bearer", "signature", "sig=", "pin_code"}) {
    add_behind(all, "name: " + std::string(word), word, [](std::string_view text, std::size_t at) {
      return find_assigned(text, char_before(text, at) == '=' ? at - 1 : at);
    });
  }
}

void add_headers(std::vector<Rule>& all) {
  for (const std::string_view scheme :
       {"bearer ", "basic ", "authorization: token ", "authorization: bot ",
        "authorization: apikey ", "authorization: key "}) {
    add_behind(
        all, "authorization: " + std::string(scheme), scheme,
        [](std::string_view text, std::size_t at) { return find_authorization(text, at - 1); });
  }
  for (const std::string_view option : {"-u ", "--user "}) {
    add_behind(all, "option: " + std::string(option), option, find_user_option);
  }
}

std::vector<Rule> make_rules() {
  std::vector<Rule> all;
  add_tokens(all);
  all.push_back({"JSON web token", "eyJ", false, find_jwt});
  all.push_back({"private key", "-----BEGIN", false, find_private_key});
  all.push_back({"private key (SSH2)", "---- BEGIN", false, find_private_key});
  all.push_back({"URL password", "://", false, find_url_password});
  add_names(all);
  add_headers(all);
  for (const std::string_view document : {"passport", "licence", "license"}) {
    add_behind(all, "document: " + std::string(document), document, find_document);
  }
  return all;
}

}  // namespace

const std::vector<Rule>& rules() {
  static const std::vector<Rule> all = make_rules();
  return all;
}

}  // namespace hone::privacy
