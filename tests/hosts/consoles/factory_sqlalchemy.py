"""An application factory: Flask-SQLAlchemy, Flask-WTF with its global protection, log-in by e-mail in a blueprint."""

from flask import Blueprint, Flask, flash, redirect, render_template_string, request, url_for
from flask_login import LoginManager, UserMixin, login_required, login_user, logout_user
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect, FlaskForm
from werkzeug.security import check_password_hash, generate_password_hash
from wtforms import BooleanField, PasswordField, StringField, SubmitField

from flask_twofactor import TwoFactor  # 2fa

db = SQLAlchemy()
login = LoginManager()
csrf = CSRFProtect()
two_factor = TwoFactor(login_endpoint="auth.login")  # 2fa
auth = Blueprint("auth", __name__)
pages = Blueprint("pages", __name__)


class User(UserMixin, db.Model):
    id = db.Column(db.Integer, primary_key=True)
    email = db.Column(db.String(120), unique=True)
    password_hash = db.Column(db.String(256))

    def check_password(self, password):
        return check_password_hash(self.password_hash, password)


class LoginForm(FlaskForm):
    email = StringField("E-mail")
    password = PasswordField("Password")
    remember_me = BooleanField("Remember me")
    submit = SubmitField("Sign in")


@login.user_loader
def load_user(user_id):
    return db.session.get(User, int(user_id))


@two_factor.user_lookup  # 2fa
def by_email(email):  # 2fa
    return db.session.scalar(db.select(User).filter_by(email=email))  # 2fa


@auth.route("/login", methods=["GET", "POST"], endpoint="login")
def log_in():
    form = LoginForm()
    if form.validate_on_submit():
        user = db.session.scalar(db.select(User).filter_by(email=form.email.data))
        if user is not None and user.check_password(form.password.data):
            login_user(user, remember=form.remember_me.data)
            return redirect(request.args.get("next") or url_for("pages.home"))
        flash("Invalid e-mail or password")
    return render_template_string("<form method=post>{{ form.hidden_tag() }}{{ form.email }}</form>", form=form)


@auth.route("/logout")
def logout():
    logout_user()
    return redirect(url_for("auth.login"))


@pages.route("/")
@login_required
def home():
    return render_template_string("<h1>Hello, {{ current_user.email }}</h1>")


def make_app(folder):
    app = Flask(__name__, instance_path=str(folder))
    app.config["SECRET_KEY"] = "0123456789abcdef0123456789abcdef"
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{folder / 'console.sqlite'}"
    db.init_app(app)
    login.init_app(app)
    login.login_view = "auth.login"
    csrf.init_app(app)
    app.register_blueprint(auth, url_prefix="/auth")
    app.register_blueprint(pages)
    two_factor.init_app(app)  # 2fa
    with app.app_context():
        db.create_all()
        db.session.add(User(email="ann@example.org", password_hash=generate_password_hash("ann-password")))
        db.session.commit()
    return app
