"""What pages say that are no product's page: walls against robots, log-ins, pages that are gone.

All in lower case, with straight apostrophes and single spaces, without marks at the end.
"""

# ruff: noqa: RUF001 - other scripts have letters that look like ours

from __future__ import annotations

from typing import Final

ROBOT: Final = (
    "prove you are human", "prove you're human", "prove that you are human", "prove your humanity",
    "verify you are human", "verify you are a human", "verify that you are human",
    "verify that you are a human", "verify you're human", "verifying you are human",
    "confirm you are human", "confirm you are a human", "confirm that you are human",
    "are you a robot", "are you a human", "are you human", "you are not a robot",
    "you're not a robot", "you are not a bot", "you're not a bot",
    "checking your browser", "checking if the site connection is secure",
    "unusual traffic", "complete the captcha", "solve the captcha", "solve this captcha",
    "complete the security check", "enable javascript and cookies to continue",
    "pardon our interruption", "something about your browser made us think",
    "beweisen sie, dass sie ein mensch", "bestätigen sie, dass sie ein mensch",
    "dass sie kein roboter sind", "dass du kein roboter bist", "dass du ein mensch bist",
    "dass sie ein mensch sind", "sind sie ein mensch", "sind sie ein roboter", "bist du ein mensch",
    "bist du ein roboter", "browser wird überprüft", "wir überprüfen ihren browser",
    "überprüfung ihres browsers", "ungewöhnlichen datenverkehr", "ungewöhnlicher datenverkehr",
    "prouvez que vous êtes humain", "vérifiez que vous êtes humain", "que vous êtes un humain",
    "confirmez que vous êtes humain", "que vous n'êtes pas un robot", "êtes-vous un robot",
    "êtes-vous humain", "êtes-vous un humain", "vérification de votre navigateur",
    "vérifions votre navigateur", "trafic inhabituel",
    "demuestra que eres humano", "demuestre que es humano", "verifica que eres humano",
    "verifique que es humano", "confirma que eres humano", "que no eres un robot",
    "que no es un robot", "eres un robot", "eres humano?", "comprobando su navegador",
    "comprobando tu navegador", "verificando su navegador", "tráfico inusual",
    "dimostra di essere umano", "verifica di essere umano", "conferma di essere umano",
    "di essere un umano", "di non essere un robot", "che non sei un robot", "sei un robot",
    "sei umano?", "verifica del browser", "controllo del browser in corso", "traffico insolito",
    "bewijs dat je een mens", "bewijs dat u een mens", "bevestig dat je een mens",
    "bevestig dat u een mens", "dat je geen robot bent", "dat u geen robot bent",
    "ben je een robot", "bent u een robot", "ben je een mens", "bent u een mens",
    "uw browser wordt gecontroleerd", "je browser wordt gecontroleerd", "ongebruikelijk verkeer",
    "udowodnij, że jesteś człowiekiem", "potwierdź, że jesteś człowiekiem",
    "że jesteś człowiekiem", "że nie jesteś robotem", "czy jesteś robotem",
    "czy jesteś człowiekiem",
    "sprawdzanie przeglądarki", "sprawdzamy twoją przeglądarkę", "nietypowy ruch",
    "dokažte, že jste člověk", "ověřte, že jste člověk", "potvrďte, že jste člověk",
    "že jste člověk", "že nejste robot", "jste robot?", "jste člověk?", "kontrola prohlížeče",
    "kontrolujeme váš prohlížeč", "neobvyklý provoz",
    "prove que é humano", "não é um robô", "és humano?", "tráfego incomum",
    "что вы не робот", "что вы человек", "вы не робот?", "проверка браузера",
    "确认您是真人", "确认你是真人", "证明您是真人", "验证您是真人", "请完成安全验证", "请完成验证",
    "正在检查您的浏览器", "您不是机器人", "你不是机器人", "是否是机器人", "异常流量", "访问异常",
    "請完成驗證", "您不是機器人", "確認您是真人",
    "あなたが人間であること", "人間であることを確認", "ロボットではないこと", "ロボットですか",
    "ロボットではありません", "ブラウザを確認しています", "ブラウザを確認中",
    "通常と異なるトラフィック",
)  # fmt: skip
"""Said anywhere in a heading, or in the text of a page that offers nothing."""

ROBOT_TITLES: Final = frozenset((
    "just a moment", "one moment please", "one moment, please", "attention required",
    "access denied", "access to this page has been denied", "robot check", "bot check",
    "security check", "security verification", "human verification", "captcha", "recaptcha",
    "sicherheitsüberprüfung", "sicherheitsprüfung", "zugriff verweigert", "einen moment bitte",
    "nur einen moment", "vérification de sécurité", "contrôle de sécurité", "accès refusé",
    "un instant", "un instant, s'il vous plaît", "comprobación de seguridad",
    "verificación de seguridad", "control de seguridad", "acceso denegado", "un momento",
    "un momento, por favor", "verifica di sicurezza", "controllo di sicurezza", "accesso negato",
    "un attimo", "beveiligingscontrole", "toegang geweigerd", "een moment geduld",
    "weryfikacja bezpieczeństwa", "kontrola bezpieczeństwa", "odmowa dostępu", "chwileczkę",
    "bezpečnostní kontrola", "přístup odepřen", "okamžik prosím", "verificação de segurança",
    "acesso negado", "доступ запрещен", "проверка безопасности",
    "安全验证", "安全检查", "人机验证", "访问被拒绝", "请稍候", "滑动验证", "验证码", "安全驗證",
    "セキュリティチェック", "アクセスが拒否されました", "しばらくお待ちください", "画像認証",
))  # fmt: skip
"""All that a heading says, or all of one of the parts of a title."""

COOKIES: Final = (
    "accept cookies to continue", "accept all cookies to continue",
    "accept our cookies to continue",
    "accept cookies to view", "accept cookies to see", "must accept cookies",
    "need to accept cookies",
    "have to accept cookies", "enable cookies to continue", "enable cookies to view",
    "please enable cookies", "cookies are required to", "cookies must be enabled",
    "akzeptieren sie cookies, um fortzufahren", "cookies akzeptieren, um fortzufahren",
    "cookies akzeptieren, um weiter", "cookies zustimmen, um fortzufahren",
    "müssen cookies akzeptieren", "müssen sie cookies akzeptieren", "bitte aktivieren sie cookies",
    "weiter mit werbung und cookies", "mit werbung und cookies weiterlesen",
    "acceptez les cookies pour continuer", "accepter les cookies pour continuer",
    "accepter les cookies pour accéder", "devez accepter les cookies",
    "veuillez activer les cookies",
    "acepta las cookies para continuar", "acepte las cookies para continuar",
    "aceptar las cookies para continuar", "debe aceptar las cookies", "debes aceptar las cookies",
    "habilite las cookies", "accetta i cookie per continuare", "accettare i cookie per continuare",
    "devi accettare i cookie", "abilita i cookie", "accepteer cookies om verder",
    "accepteer de cookies om verder", "moet cookies accepteren", "schakel cookies in",
    "zaakceptuj pliki cookie, aby kontynuować", "zaakceptuj cookies, aby kontynuować",
    "musisz zaakceptować pliki cookie", "włącz obsługę plików cookie",
    "pro pokračování přijměte cookies", "přijměte cookies pro pokračování",
    "musíte přijmout cookies", "povolte prosím cookies",
    "aceite os cookies para continuar", "примите файлы cookie, чтобы продолжить",
    "请接受cookie以继续", "接受 cookie 才能继续", "请启用cookie", "请启用 cookie",
    "cookieを受け入れて続行", "cookieに同意して続行", "cookieを有効に",
)  # fmt: skip
COOKIE_TITLES: Final = frozenset((
    "before you continue", "bevor sie fortfahren", "bevor sie weitergehen", "avant de continuer",
    "antes de continuar", "prima di continuare", "voordat je verdergaat", "voordat u verdergaat",
    "zanim przejdziesz dalej", "než budete pokračovat", "继续之前", "在继续之前", "続行する前に",
))  # fmt: skip

LOG_IN: Final = (
    "log in to continue", "login to continue", "sign in to continue", "log in to view this",
    "sign in to view this", "log in to see this", "log in to access", "sign in to access",
    "log in to view prices", "log in to see prices", "login to see prices", "sign in to see prices",
    "sign in to view prices", "login to view prices", "must be logged in", "must log in",
    "need to log in", "need to be logged in", "for registered customers only", "please log in",
    "please sign in", "please login", "melden sie sich an, um", "melde dich an, um",
    "bitte melden sie sich an", "bitte melde dich an", "bitte einloggen",
    "bitte loggen sie sich ein",
    "nur für registrierte kunden", "müssen angemeldet sein", "müssen sie angemeldet sein",
    "connectez-vous pour", "veuillez vous connecter", "vous devez être connecté",
    "identifiez-vous pour", "réservé aux clients enregistrés",
    "inicia sesión para", "inicie sesión para", "debe iniciar sesión", "debes iniciar sesión",
    "accedi per continuare", "accedi per vedere", "accedi per visualizzare", "effettua il login",
    "effettua l'accesso", "devi effettuare l'accesso", "log in om", "meld je aan om", "inloggen om",
    "u moet ingelogd zijn", "je moet ingelogd zijn", "zaloguj się, aby", "musisz się zalogować",
    "musisz być zalogowany", "přihlaste se pro", "přihlaste se, abyste", "musíte se přihlásit",
    "musíte být přihlášen", "pro zobrazení ceny se přihlaste", "faça login para", "войдите, чтобы",
    "请登录后查看", "请先登录", "登录后查看", "登录后可见", "請先登入",
    "ログインしてください", "ログインが必要です", "ログインして続行",
)  # fmt: skip
LOG_IN_TITLES: Final = frozenset((
    "log in", "login", "sign in", "signin", "please log in", "please sign in", "customer login",
    "log in or register", "sign in or register", "account login", "member login",
    "anmelden", "anmeldung", "einloggen", "kundenlogin", "connexion", "se connecter",
    "identification", "identifiez-vous", "iniciar sesión", "inicio de sesión", "accedi", "accesso",
    "inloggen", "aanmelden", "zaloguj się", "logowanie", "přihlášení", "přihlásit se", "entrar",
    "fazer login", "вход", "войти", "登录", "用户登录", "会员登录", "登入", "ログイン",
))  # fmt: skip

GONE: Final = (
    "is no longer available", "are no longer available", "no longer being sold",
    "is no longer sold", "is no longer offered", "is no longer for sale", "is no longer on sale",
    "is no longer in our range", "is no longer stocked", "has been discontinued",
    "is discontinued", "was discontinued", "has been removed from our range",
    "nicht mehr verfügbar", "nicht mehr erhältlich",
    "nicht mehr im sortiment", "nicht mehr im angebot", "nicht mehr lieferbar",
    "wurde eingestellt", "wird nicht mehr hergestellt",
    "wird nicht mehr verkauft", "n'est plus disponible", "n'est plus vendu", "n'est plus en vente",
    "n'est plus commercialisé", "n'est plus proposé", "a été retiré de la vente",
    "ya no está disponible", "ya no se vende", "ya no está a la venta", "ha sido descatalogado",
    "está descatalogado", "non è più disponibile", "non più disponibile", "non è più in vendita",
    "non è più in catalogo", "è fuori produzione", "niet meer beschikbaar", "niet meer leverbaar",
    "niet meer verkrijgbaar", "niet langer beschikbaar", "niet langer leverbaar",
    "uit het assortiment", "nie jest już dostępny", "nie jest już dostępna", "już niedostępny",
    "produkt wycofany", "został wycofany", "wycofany ze sprzedaży", "wycofany z oferty",
    "již není k dispozici", "již není dostupný", "již není v nabídce", "už není v nabídce",
    "již neprodáváme", "již se neprodává", "prodej byl ukončen", "výroba byla ukončena",
    "já não está disponível", "não está mais disponível", "foi descontinuado",
    "больше не продается", "больше не доступен", "снят с производства", "снят с продажи",
    "inte längre tillgänglig", "ikke længere tilgængelig",
    "该商品已下架", "此商品已下架", "商品已下架", "宝贝已下架", "已停产", "该商品不存在", "已停售",
    "商品已售完下架", "此商品已停售", "販売を終了しました", "販売終了しました",
    "販売は終了しました",
    "販売を終了いたしました", "販売終了いたしました",
    "取り扱いを終了しました", "取り扱いを終了いたしました", "この商品は現在お取り扱いできません",
    "生産終了", "廃番",
)  # fmt: skip
"""A sentence that ends so, or, in a heading, has it anywhere."""

GONE_TITLES: Final = frozenset((
    "no longer available", "discontinued", "product discontinued", "discontinued product",
    "item no longer available", "product no longer available", "discontinued item",
    "nicht mehr verfügbar", "nicht mehr erhältlich", "nicht mehr lieferbar",
    "artikel nicht mehr verfügbar", "produkt nicht mehr verfügbar",
    "plus disponible", "n'est plus disponible", "produit arrêté", "article arrêté",
    "ya no disponible", "descatalogado", "producto descatalogado", "non più disponibile",
    "fuori produzione", "fuori catalogo", "niet meer leverbaar", "niet meer beschikbaar",
    "niet meer verkrijgbaar", "wycofany", "produkt wycofany", "wycofany z oferty", "již nedostupné",
    "prodej ukončen", "prodej skončil", "výroba ukončena", "descontinuado", "снят с производства",
    "已下架", "商品已下架", "已停产", "已停售", "販売終了", "取扱終了", "生産終了", "廃番",
))  # fmt: skip

NOT_FOUND: Final = (
    "page not found", "page cannot be found", "page can't be found", "page could not be found",
    "product not found", "product could not be found", "item not found", "error 404", "404 error",
    "404 not found", "can't find the page", "cannot find the page", "couldn't find the page",
    "can't find that page", "couldn't find that page", "page doesn't exist", "page does not exist",
    "product does not exist", "product doesn't exist",
    "seite nicht gefunden", "seite wurde nicht gefunden", "seite konnte nicht gefunden",
    "seite existiert nicht", "artikel nicht gefunden", "produkt nicht gefunden", "fehler 404",
    "page introuvable", "page non trouvée", "page n'existe pas", "produit introuvable",
    "page est introuvable", "erreur 404", "página no encontrada", "página no existe",
    "producto no encontrado", "pagina non trovata", "pagina non esiste", "prodotto non trovato",
    "errore 404", "pagina niet gevonden", "pagina bestaat niet", "product niet gevonden",
    "nie znaleziono strony", "strona nie została znaleziona", "strona nie istnieje",
    "nie znaleziono produktu", "stránka nenalezena", "stránka nebyla nalezena",
    "stránka neexistuje", "produkt nenalezen", "produkt nebyl nalezen", "chyba 404",
    "página não encontrada", "страница не найдена", "товар не найден",
    "页面不存在", "找不到页面", "页面未找到", "商品不存在", "找不到该商品", "頁面不存在",
    "找不到頁面",
    "ページが見つかりません", "ページは見つかりません", "ページが存在しません",
    "商品が見つかりません",
    "お探しのページは",
)  # fmt: skip
"""Said in a heading or a title."""

NOT_FOUND_TITLES: Final = frozenset(("404", "not found", "nicht gefunden", "introuvable"))

OF_A_PART: Final = (
    "size", "colour", "color", "variant", "option", "combination", "coupon", "voucher", "code",
    "delivery", "shipping", "größe", "farbe", "variante", "kombination", "gutschein", "lieferung",
    "taille", "couleur", "livraison", "coloris", "talla", "envío", "cupón", "taglia", "colore",
    "coupon", "spedizione", "maat", "kleur", "levering", "rozmiar", "kolor", "wariant", "dostawa",
    "velikost", "barva", "varianta", "doručení", "尺码", "尺寸", "颜色", "规格", "サイズ", "カラー",
)  # fmt: skip
"""A sentence with such a word says nothing of the product as a whole."""

OTHERS: Final = (
    "you may also like", "you might also like", "you might like", "related products",
    "similar products", "similar items", "recommended for you", "customers also", "others also",
    "recommendations", "alternatives", "ähnliche produkte", "ähnliche artikel",
    "das könnte ihnen auch gefallen", "das könnte dir auch gefallen", "kunden kauften auch",
    "kunden sahen auch", "empfehlungen", "alternativen", "vous aimerez aussi",
    "produits similaires", "vous pourriez aussi aimer", "produits associés",
    "también te puede interesar", "te puede interesar", "productos relacionados",
    "productos similares", "potrebbe interessarti", "potrebbero interessarti", "prodotti simili",
    "prodotti correlati", "misschien vind je dit ook", "gerelateerde producten",
    "vergelijkbare producten", "anderen bekeken ook", "podobne produkty", "zobacz także",
    "polecane produkty", "podobné produkty", "mohlo by se vám líbit", "související produkty",
    "doporučujeme", "相关商品", "相关推荐", "猜你喜欢", "为您推荐", "関連商品", "おすすめ商品",
    "こちらもおすすめ", "この商品を見た人",
)  # fmt: skip
"""Headings of other products."""
