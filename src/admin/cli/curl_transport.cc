#include <curl/curl.h>
#include <fmt/format.h>

#include "src/admin/cli/transport.h"

namespace bulkhead::admin::cli {
namespace {

constexpr long kConnectSecondsMax = 10;
constexpr long kAnswerSecondsMax = 300;
constexpr std::size_t kAnswerSizeMax = 64 * 1024 * 1024;

struct CurlDeleter {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using Curl = std::unique_ptr<CURL, CurlDeleter>;
using CurlList = std::unique_ptr<curl_slist, CurlDeleter>;

// Where the bytes of one answer go.
struct Receiver {
  CURL* curl = nullptr;
  ApiAnswer answer;
  const std::function<bool(std::string_view)>* on_bytes = nullptr;
  bool was_stopped = false;

  bool take(std::string_view bytes) {
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (on_bytes != nullptr && status < 300) {
      was_stopped = !(*on_bytes)(bytes);
      return !was_stopped;
    }
    answer.body += bytes;
    return answer.body.size() <= kAnswerSizeMax;
  }
};

std::size_t receive(char* bytes, std::size_t size, std::size_t count, void* receiver) {
  return static_cast<Receiver*>(receiver)->take({bytes, size * count}) ? size * count : 0;
}

class CurlTransport final : public Transport {
 public:
  explicit CurlTransport(Settings settings) : settings_(std::move(settings)), curl_(curl_easy_init()) {}

  Result<ApiAnswer> send(const ApiRequest& request) override { return perform(request, nullptr); }
  Result<ApiAnswer> stream(const ApiRequest& request, const std::function<bool(std::string_view)>& on_bytes) override {
    return perform(request, &on_bytes);
  }

 private:
  std::string where() const { return settings_.url.empty() ? settings_.socket : settings_.url; }

  Result<ApiAnswer> perform(const ApiRequest& request, const std::function<bool(std::string_view)>* on_bytes) {
    if (!curl_) return fail(ErrorCode::kUnavailable, "libcurl cannot be started");
    curl_easy_reset(curl_.get());  // keeps the connection
    Receiver receiver{curl_.get(), {}, on_bytes, false};
    const auto url = set_target(request);
    const auto headers = set_headers(request);
    set_body(request);
    set(CURLOPT_WRITEFUNCTION, &receive);
    set(CURLOPT_WRITEDATA, &receiver);
    set(CURLOPT_CONNECTTIMEOUT, kConnectSecondsMax);
    if (on_bytes == nullptr) set(CURLOPT_TIMEOUT, kAnswerSecondsMax);
    set(CURLOPT_NOSIGNAL, 1L);
    const CURLcode code = curl_easy_perform(curl_.get());
    long begun = 0;
    curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &begun);
    if (code != CURLE_OK && !receiver.was_stopped && on_bytes != nullptr && begun == 200) {
      return fail(ErrorCode::kCancelled,
                  fmt::format("the stream from {} has broken off: {}", where(), curl_easy_strerror(code)));
    }
    if (code != CURLE_OK && !receiver.was_stopped) {
      return fail(ErrorCode::kClosed, fmt::format("no answer from {}: {}", where(), curl_easy_strerror(code)),
                  "whether it runs: systemctl status bulkhead; another one is named by --socket PATH, --url URL or "
                  "--config FILE");
    }
    long status = 0;
    curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &status);
    receiver.answer.status = static_cast<int>(status);
    return std::move(receiver.answer);
  }

  template <class T>
  void set(CURLoption option, T value) {
    curl_easy_setopt(curl_.get(), option, value);
  }

  // The URL, which lives as long as the transfer.
  std::string set_target(const ApiRequest& request) {
    std::string base = settings_.url.empty() ? "http://localhost" : settings_.url;
    while (base.ends_with('/')) base.pop_back();
    std::string url = base + request.target;
    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_PATH_AS_IS, 1L);
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    if (settings_.url.empty()) set(CURLOPT_UNIX_SOCKET_PATH, settings_.socket.c_str());
    if (settings_.url.empty()) set(CURLOPT_PROXY, "");
    return url;
  }

  CurlList set_headers(const ApiRequest& request) {
    CurlList list;
    const auto add = [&list](const std::string& line) { list.reset(curl_slist_append(list.release(), line.c_str())); };
    add("Expect:");
    if (!request.content_type.empty()) add("Content-Type: " + request.content_type);
    if (!settings_.token.empty()) add("Authorization: Bearer " + settings_.token);
    set(CURLOPT_HTTPHEADER, list.get());
    return list;
  }

  void set_body(const ApiRequest& request) {
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    if (request.content_type.empty()) return;
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(CURLOPT_POSTFIELDS, request.body.c_str());
  }

  Settings settings_;
  Curl curl_;
};

}  // namespace

std::unique_ptr<Transport> make_curl_transport(const Settings& settings) {
  return std::make_unique<CurlTransport>(settings);
}

}  // namespace bulkhead::admin::cli
