#include <cstring>
#include <map>

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "src/webhook/poster.h"

namespace bulkhead::webhook {

namespace {

constexpr long kConnectSecondsMax = 5, kWholeSecondsMax = 15;
constexpr std::size_t kAnswerMax = 4096, kHeaderMax = 16384;

struct Deleter {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
struct MultiDeleter {  // to the compiler CURL and CURLM are the same
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};

// One post under way; libcurl points into it, so it stays where it is.
struct Transfer {
  Post post;
  Poster::Done done;
  std::unique_ptr<curl_slist, Deleter> headers;
  std::size_t body_read = 0, header_read = 0;
  std::string refused;  // the address that it may not connect to
  std::unique_ptr<CURL, Deleter> curl;
};

// What is answered is of no interest but for its status: more than a little ends the transfer.
std::size_t take_body(char*, std::size_t size, std::size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  transfer.body_read += size * count;
  return transfer.body_read <= kAnswerMax ? size * count : 0;
}

std::size_t take_header(char*, std::size_t size, std::size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  transfer.header_read += size * count;
  return transfer.header_read <= kHeaderMax ? size * count : 0;
}

IpAddress address_of(const curl_sockaddr& to) {
  if (to.family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, &to.addr, sizeof v4);
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &v4.sin_addr, bytes.size());
    return IpAddress::v4(bytes);
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, &to.addr, std::min<std::size_t>(sizeof v6, to.addrlen));
  std::array<std::uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
  return IpAddress::v6(bytes);
}

// Looks at the address that is really connected to: a name may have another one than a moment ago.
curl_socket_t open_socket(void* context, curlsocktype, curl_sockaddr* to) {
  auto& transfer = *static_cast<Transfer*>(context);
  const bool is_ip = to->family == AF_INET || to->family == AF_INET6;
  if (!is_ip) return CURL_SOCKET_BAD;
  const IpAddress ip = address_of(*to);
  if (transfer.post.owner == Owner::kTenant && !may_connect(ip)) {
    transfer.refused = ip.text();
    return CURL_SOCKET_BAD;
  }
  return ::socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

template <class T>
void set(const Transfer& transfer, CURLoption option, T value) {
  curl_easy_setopt(transfer.curl.get(), option, value);
}

void set_headers(Transfer& transfer, const std::string& user_agent) {
  const auto add = [&transfer](const std::string& line) {
    transfer.headers.reset(curl_slist_append(transfer.headers.release(), line.c_str()));
  };
  add("Content-Type: application/json");
  add("User-Agent: " + user_agent);
  add("webhook-id: " + transfer.post.id);
  add("webhook-timestamp: " + transfer.post.timestamp);
  add("webhook-signature: " + transfer.post.signature);
  add("Expect:");
  set(transfer, CURLOPT_HTTPHEADER, transfer.headers.get());
}

void set_options(Transfer& transfer) {
  set(transfer, CURLOPT_URL, transfer.post.url.c_str());
  set(transfer, CURLOPT_PROTOCOLS_STR, transfer.post.owner == Owner::kTenant ? "https" : "http,https");
  set(transfer, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(transfer.post.body.size()));
  set(transfer, CURLOPT_POSTFIELDS, transfer.post.body.c_str());
  set(transfer, CURLOPT_CONNECTTIMEOUT, kConnectSecondsMax);
  set(transfer, CURLOPT_TIMEOUT, kWholeSecondsMax);
  set(transfer, CURLOPT_FOLLOWLOCATION, 0L);
  set(transfer, CURLOPT_SSL_VERIFYPEER, 1L);
  set(transfer, CURLOPT_SSL_VERIFYHOST, 2L);
  set(transfer, CURLOPT_PROXY, "");
  set(transfer, CURLOPT_NOSIGNAL, 1L);
  set(transfer, CURLOPT_QUICK_EXIT, 1L);  // a resolver that hangs holds up nobody
  // A connection is used once: whose address was looked at is who hears it.
  set(transfer, CURLOPT_FRESH_CONNECT, 1L);
  set(transfer, CURLOPT_FORBID_REUSE, 1L);
  set(transfer, CURLOPT_PRIVATE, static_cast<void*>(&transfer));
  set(transfer, CURLOPT_WRITEFUNCTION, &take_body);
  set(transfer, CURLOPT_WRITEDATA, static_cast<void*>(&transfer));
  set(transfer, CURLOPT_HEADERFUNCTION, &take_header);
  set(transfer, CURLOPT_HEADERDATA, static_cast<void*>(&transfer));
  set(transfer, CURLOPT_OPENSOCKETFUNCTION, &open_socket);
  set(transfer, CURLOPT_OPENSOCKETDATA, static_cast<void*>(&transfer));
}

Answer answer_of(const Transfer& transfer, CURLcode code) {
  long status = 0;
  curl_easy_getinfo(transfer.curl.get(), CURLINFO_RESPONSE_CODE, &status);
  // A status without its whole answer says enough, as long as the answer was only too long.
  const bool is_whole = code == CURLE_OK || (code == CURLE_WRITE_ERROR && transfer.body_read > kAnswerMax);
  if (is_whole && status > 0) return {static_cast<int>(status), {}};
  if (!transfer.refused.empty()) return {0, transfer.refused + " is no public address"};
  return {0, curl_easy_strerror(code)};
}

class CurlPoster final : public Poster {
 public:
  explicit CurlPoster(std::string user_agent) : user_agent_(std::move(user_agent)), multi_(curl_multi_init()) {}
  ~CurlPoster() override {
    for (const auto& [curl, transfer] : transfers_) curl_multi_remove_handle(multi_.get(), curl);
  }

  void begin(Post post, Done done) override {
    auto transfer = std::make_unique<Transfer>();
    transfer->post = std::move(post);
    transfer->done = std::move(done);
    transfer->curl.reset(curl_easy_init());
    if (!transfer->curl || !multi_) return transfer->done({0, "libcurl cannot be started"});
    set_headers(*transfer, user_agent_);
    set_options(*transfer);
    CURL* const curl = transfer->curl.get();
    curl_multi_add_handle(multi_.get(), curl);
    transfers_.emplace(curl, std::move(transfer));
  }

  std::size_t open() const override { return transfers_.size(); }

  void work(std::chrono::milliseconds most) override {
    int running = 0;
    curl_multi_perform(multi_.get(), &running);
    if (!finish()) curl_multi_poll(multi_.get(), nullptr, 0, static_cast<int>(most.count()), nullptr);
    curl_multi_perform(multi_.get(), &running);
    finish();
  }

  void wake() override { curl_multi_wakeup(multi_.get()); }

 private:
  bool finish() {
    bool has_finished = false;
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      const CURLcode code = message->data.result;
      CURL* const curl = message->easy_handle;
      curl_multi_remove_handle(multi_.get(), curl);  // `message` is gone
      auto transfer = std::move(transfers_.extract(curl).mapped());
      has_finished = true;
      transfer->done(answer_of(*transfer, code));
    }
    return has_finished;
  }

  const std::string user_agent_;
  std::unique_ptr<CURLM, MultiDeleter> multi_;
  std::map<CURL*, std::unique_ptr<Transfer>> transfers_;
};

}  // namespace

std::unique_ptr<Poster> make_curl_poster(const std::string& user_agent) {
  return std::make_unique<CurlPoster>(user_agent);
}

}  // namespace bulkhead::webhook
