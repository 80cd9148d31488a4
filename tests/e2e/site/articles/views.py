"""Pages that say what reached the site."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseRedirect, JsonResponse
from django.views.decorators.csrf import csrf_exempt


def home(request):
    return HttpResponse("<!doctype html><title>Sites</title><h1 id=site>Website cluster</h1>")


@csrf_exempt
def seen(request):
    """What the request looked like when it arrived: the tests compare it with what they sent."""
    return JsonResponse(
        {
            "method": request.method,
            "path": request.get_full_path(),
            "address": request.build_absolute_uri("/"),
            "headers": dict(request.headers),
            "cookies": sorted(request.COOKIES),
            "length": len(request.body),
        }
    )


def moved(request):
    """A redirect with the whole address, as the site believes it to be."""
    return HttpResponseRedirect(request.build_absolute_uri("/seen/"))


def cookie(request):
    """Sets a cookie of its own, and tries to set one that only the gateway may."""
    answer = HttpResponse("set")
    answer.set_cookie("theme", "plain", secure=True, httponly=True)
    answer.set_cookie(request.GET.get("name", "other"), "forged", secure=True, path="/")
    return answer


def media(serve):
    @login_required(login_url="/admin/login/")
    def guarded(request, path):
        from django.conf import settings

        return serve(request, path, document_root=settings.MEDIA_ROOT)

    return guarded
